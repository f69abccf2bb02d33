"""JupyterLab as a person uses it: a notebook, its cells, the widget in them."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

LIMIT_MS = 30_000

_NEW_NOTEBOOK = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute('notebook:create-new', { kernelName: 'python3' });
  await panel.sessionContext.ready;
  window.panel = panel;
}"""
_OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute('docmanager:open', { path });
  await panel.context.ready;
  await panel.sessionContext.ready;
  window.panel = panel;
}"""
_ADD_CELL = """async (source) => {
  const { content } = window.panel;
  const model = content.model.sharedModel;
  const last = model.cells.length - 1;
  if (model.cells[last].getSource() === '') model.cells[last].setSource(source);
  else model.insertCell(last + 1, { cell_type: 'code', source });
  content.activeCellIndex = model.cells.length - 1;
  content.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell');
  return model.cells.length - 1;
}"""
_OUTPUTS = "(index) => window.panel.content.widgets[index].model.outputs.toJSON()"
_AT_REST = """(index) => {
  const outputs = window.panel.content.widgets[index].model.outputs.toJSON();
  const isLive = (output) => 'application/vnd.jupyter.widget-view+json' in (output.data ?? {});
  return outputs.length > 0 && !outputs.some(isLive);
}"""
_RUNNING = "(index) => window.panel.content.widgets[index].model.executionState"


class LabPage:
    def __init__(self, page: Page, url: str, token: str) -> None:
        self.page = page
        self.url = url
        self.token = token
        self.requests: list[str] = []
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self) -> None:
        self.page.goto(f"{self.url}/lab?token={self.token}&reset")
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.evaluate(_NEW_NOTEBOOK)

    def close(self) -> None:
        self.page.evaluate("async () => { await window.panel.sessionContext.shutdown(); }")

    def run(self, source: str) -> int:
        """Run `source` in a new cell at the end; returns the cell's index at once."""
        index: int = self.page.evaluate(_ADD_CELL, source)
        return index

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def turn(self, index: int) -> Locator:
        """The live widget in a cell."""
        return self.cell(index).locator(".jd-turn")

    def wait_status(self, index: int, status: str) -> None:
        chip = self.turn(index).locator(f'.jd-chip[data-s="{status}"]')
        error = self.cell(index).locator('[data-mime-type="application/vnd.jupyter.error"]')
        expect(chip.or_(error).first).to_be_visible(timeout=LIMIT_MS)
        assert not error.count(), error.inner_text()

    def wait_idle(self, index: int) -> None:
        """Wait until the cell has ended."""
        self.page.wait_for_function(f"({_RUNNING})({index}) === 'idle'", timeout=LIMIT_MS)

    def wait_at_rest(self, index: int) -> dict[str, Any]:
        """Wait until the cell's output is static; returns its mimebundle."""
        self.page.wait_for_function(f"({_AT_REST})({index})", timeout=LIMIT_MS)
        expect(self.turn(index)).to_have_count(0, timeout=LIMIT_MS)
        outputs = self.outputs(index)
        assert len(outputs) == 1, outputs
        assert "data" in outputs[0], outputs
        data: dict[str, Any] = outputs[0]["data"]
        return data

    def outputs(self, index: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.evaluate(_OUTPUTS, index)
        return found

    def value(self, expression: str) -> str:
        """`repr` of an expression, evaluated in the kernel."""
        index = self.run(expression)
        self.page.wait_for_function(f"({_OUTPUTS})({index}).length > 0", timeout=LIMIT_MS)
        return str(self.outputs(index)[0]["data"]["text/plain"])

    def reload(self) -> None:
        """Load the page again, as a person does, with the notebook saved and its kernel still running."""
        path = self.page.evaluate("async () => { await panel.context.save(); return panel.context.path; }")
        self.page.reload()
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.evaluate(_OPEN, path)

    def picture(self, name: str) -> None:
        """Keep a screenshot in `JIDO_PICTURES`, where that is set."""
        if folder := os.environ.get("JIDO_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")
