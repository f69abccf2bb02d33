"""A notebook as a person uses it, in JupyterLab or in Notebook 7: its cells, the widget in them, its file."""

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Locator, Page, expect

from .jupyter_server import JupyterServer
from .kernels import NEWEST
from .traffic import Traffic

LIMIT_MS = 30_000
FrontEnd = Literal["lab", "notebook"]

_READY = "() => window.jupyterapp?.shell !== undefined"
_OPEN_IN_LAB = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  window.panel = await app.commands.execute('docmanager:open', { path });
}"""
_IS_OPEN = "() => (window.panel = window.jupyterapp.shell.currentWidget)?.sessionContext !== undefined"
_PANEL_READY = """async () => {
  const { panel } = window;
  await panel.context.ready;
  await panel.sessionContext.ready;
}"""
_ADD_CELL = """async (source) => {
  const { content } = window.panel;
  const model = content.model.sharedModel;
  const last = model.cells.length - 1;
  if (model.cells[last].getSource() === '') model.cells[last].setSource(source);
  else model.insertCell(last + 1, { cell_type: 'code', source });
  const index = model.cells.length - 1;
  content.widgets[index].node.dataset.cell = index;
  content.activeCellIndex = index;
  content.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell');
  return index;
}"""
_MARK_CELLS = "() => window.panel.content.widgets.forEach((cell, index) => (cell.node.dataset.cell = index))"
_OUTPUTS = "(index) => window.panel.content.widgets[index].model.outputs.toJSON()"
_AT_REST = """(index) => {
  const outputs = window.panel.content.widgets[index].model.outputs.toJSON();
  const isLive = (output) => 'application/vnd.jupyter.widget-view+json' in (output.data ?? {});
  return outputs.length > 0 && !outputs.some(isLive);
}"""
_RUNNING = "(index) => window.panel.content.widgets[index].model.executionState"

_TOLD = f"""import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.notebook.turns import ToldTurn
from jido_nb.notebook.presentation import show
told = ToldTurn()
told.now_us = time.time_ns() // 1000
told.start(model='thinking')
show(told)"""


class NotebookPage:
    def __init__(self, page: Page, server: JupyterServer, front_end: FrontEnd = "lab") -> None:
        self.page = page
        self.server = server
        self.front_end = front_end
        self.path = ""
        self.requests: list[str] = []
        self.traffic = Traffic(page)
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, kernel: str = NEWEST) -> None:
        """Open a new notebook with that kernel."""
        self.path = self.server.new_notebook(kernel)
        self._go()

    def open_copy(self, path: str) -> None:
        """Open a copy of the file as it is, with a kernel of its own."""
        shutil.copy(self.server.folder / self.path, self.server.folder / path)
        self.path = path
        self._go()

    def close(self) -> None:
        """End the kernel; the page is not used again."""
        self.page.evaluate("async () => { await window.panel.sessionContext.shutdown(); }")

    def reload(self) -> None:
        """Load the page again, as a person does, with the notebook saved and its kernel still running."""
        self.save()
        self.page.reload()
        self._await_panel()

    def save(self) -> nbformat.NotebookNode:
        """Save the notebook; returns what is in the file."""
        self.page.evaluate("async () => { await window.panel.context.save(); }")
        return nbformat.read(self.server.folder / self.path, as_version=4)

    def run(self, source: str) -> int:
        """Run `source` in a new cell at the end; returns the cell's index at once."""
        index: int = self.page.evaluate(_ADD_CELL, source)
        return index

    def do(self, source: str) -> int:
        """Run `source` to its end; it must not fail."""
        index = self.run(source)
        self.wait_idle(index)
        assert "error" not in [output["output_type"] for output in self.outputs(index)], self.outputs(index)
        return index

    def tell(self, *lines: str) -> int:
        """Show the turn `told`, which stays as `lines` leave it, however slow the machine is."""
        return self.do("\n".join([_TOLD, *lines]))

    def command(self, name: str) -> None:
        """Carry out a command of the front end, such as `notebook:interrupt-kernel`."""
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def cell(self, index: int) -> Locator:
        return self.page.locator(f'[data-cell="{index}"]')

    def output(self, index: int) -> Locator:
        """The output area of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def turn(self, index: int) -> Locator:
        """The live widget in a cell."""
        return self.cell(index).locator(".jd-turn")

    def button(self, index: int, name: str = "Cancel") -> Locator:
        return self.turn(index).get_by_role("button", name=name)

    def wait_status(self, index: int, status: str) -> None:
        chip = self.turn(index).locator(f'.jd-chip[data-s="{status}"]')
        error = self.cell(index).locator('[data-mime-type="application/vnd.jupyter.error"]')
        expect(chip.or_(error).first).to_be_visible(timeout=LIMIT_MS)
        assert not error.count(), error.inner_text()
        self.look_at(index)

    def look_at(self, index: int) -> None:
        """Scroll to the live view in a cell: what nobody sees is not drawn."""
        self.turn(index).first.evaluate("(el) => el.scrollIntoView({ block: 'center' })")

    def wait_idle(self, index: int) -> None:
        """Wait until the cell has ended."""
        self.page.wait_for_function(f"({_RUNNING})({index}) === 'idle'", timeout=LIMIT_MS)

    def wait_at_rest(self, index: int) -> dict[str, Any]:
        """Wait until the cell's turn is static; returns its mimebundle, which is the first of the outputs."""
        self.page.wait_for_function(f"({_AT_REST})({index})", timeout=LIMIT_MS)
        expect(self.turn(index)).to_have_count(0, timeout=LIMIT_MS)
        first = self.outputs(index)[0]
        assert "data" in first, first
        data: dict[str, Any] = first["data"]
        return data

    def outputs(self, index: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate(_OUTPUTS, index)
        return found

    def value(self, expression: str) -> str:
        """`repr` of an expression, evaluated in the kernel."""
        index = self.run(expression)
        self.page.wait_for_function(f"({_OUTPUTS})({index}).length > 0", timeout=LIMIT_MS)
        first = self.outputs(index)[0]
        assert "data" in first, first
        return str(first["data"]["text/plain"])

    @property
    def requests_elsewhere(self) -> list[str]:
        """What the page asked of anybody but its own server."""
        return [url for url in self.requests if not url.startswith((self.server.url, "blob:", "data:"))]

    def picture(self, name: str, shown: Locator) -> None:
        """Keep a picture for the docs: `JIDO_PICTURES=docs/images pytest tests/browser` makes all of them anew."""
        if folder := os.environ.get("JIDO_PICTURES"):
            self.page.mouse.move(0, 0)
            shown.screenshot(path=Path(folder) / f"{name}.png")

    def _go(self) -> None:
        if self.front_end == "lab":
            self.page.goto(f"{self.server.url}/lab?token={self.server.token}&reset")
        else:
            self.page.goto(f"{self.server.url}/notebooks/{self.path}?token={self.server.token}")
        self._await_panel()

    def _await_panel(self) -> None:
        self.page.wait_for_function(_READY)
        if self.front_end == "lab":
            self.page.evaluate(_OPEN_IN_LAB, self.path)
        else:
            self.page.wait_for_function(_IS_OPEN)
        self.page.evaluate(_PANEL_READY)
        self.page.evaluate(_MARK_CELLS)
