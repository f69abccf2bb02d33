"""Pages that are reloaded, kernels that are gone, notebooks that are opened again."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from .conftest import Opener
from .notebook_page import LIMIT_MS, NotebookPage

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_a_reload_while_streaming_goes_on_where_it_was(open_page: Opener, front_end: str) -> None:
    page = open_page(front_end)
    index = page.run("%%jido --bg -o turn -m simulated:slow\nTell me a story.")
    page.wait_status(index, "streaming")
    page.wait_idle(index)
    page.reload()
    page.wait_status(index, "streaming")
    expect(page.turn(index).locator(".jd-answer h2")).to_contain_text("The lighthouse", timeout=LIMIT_MS)
    page.button(index).click()
    page.wait_status(index, "canceled")
    # The page has forgotten which output this was, so the live view stays, and holds the text.
    text = ast.literal_eval(page.value("turn.text"))
    shown = page.turn(index).locator(".jd-answer").inner_text()
    assert shown.split() == text.replace("## ", "").replace("**", "").split()
    # What is asked after the reload rests as always.
    index = page.run("%%jido -m simulated:burst-200\nAgain.")
    assert page.wait_at_rest(index)["text/plain"] == "word " * 200


def test_a_kernel_that_restarts_leaves_the_text_and_says_so(page: NotebookPage) -> None:
    index = page.run("%%jido --bg -m simulated:slow\nTell me a story.")
    page.wait_status(index, "streaming")
    before = page.turn(index).locator(".jd-answer").inner_text()
    page.page.evaluate("async () => { await panel.sessionContext.restartKernel(); }")
    page.wait_status(index, "disconnected")
    expect(page.turn(index).locator(".jd-note").first).to_contain_text("The kernel is gone")
    assert page.turn(index).locator(".jd-answer").inner_text().startswith(before)
    expect(page.button(index)).to_be_hidden()
    page.picture("disconnected", page.cell(index))
    # The new kernel is as good as the first.
    page.do("%load_ext jido_nb")
    index = page.run("%%jido -m simulated:burst-200\nAgain.")
    assert page.wait_at_rest(index)["text/plain"] == "word " * 200


def test_a_saved_notebook_reads_without_its_kernel_and_holds_no_widget(page: NotebookPage, tmp_path: Path) -> None:
    story = page.run("%%jido -m simulated:story\nTell me a story.")
    page.wait_at_rest(story)
    failed = page.run("%%jido --new --timeout 50 -m simulated:stall-headers\nHello?")
    page.wait_idle(failed)
    canceled = page.run("%%jido --new --bg -m simulated:slow\nTell me a story.")
    page.wait_status(canceled, "streaming")
    page.do("%jido cancel")
    page.wait_at_rest(canceled)
    saved = page.save()
    assert "widget-view" not in json.dumps(outputs(saved))
    # The front end was told to save what widgets hold: of turns there is nothing left that it could.
    states = widget_states(saved)
    assert [state for state in states if "hub_id" in state]
    assert not [state for state in states if "sid" in state]

    page.page.evaluate("async () => { await panel.sessionContext.shutdown(); }")
    page.open_copy("again.ipynb")
    for index, line in {story: "The lighthouse that counted", failed: "timeout", canceled: "canceled"}.items():
        expect(page.output(index)).to_contain_text(line, timeout=LIMIT_MS)
        expect(page.output(index)).not_to_contain_text("Error displaying widget")
    read_as_page(page, tmp_path)


def outputs(notebook: nbformat.NotebookNode) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def widget_states(notebook: nbformat.NotebookNode) -> list[Any]:
    kept = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    return [model["state"] for model in kept.get("state", {}).values()]


def read_as_page(page: NotebookPage, folder: Path) -> None:
    """The same notebook as nbconvert's page, in a browser that has no network."""
    source = page.server.folder / page.path
    run = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(folder), str(source)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    window = page.page.context.browser.new_context(offline=True)  # type: ignore[union-attr]
    try:
        static = window.new_page()
        static.goto((folder / "again.html").as_uri(), wait_until="domcontentloaded")
        expect(static.locator("h2", has_text="The lighthouse that counted").first).to_be_visible()
        expect(static.get_by_text("timeout").first).to_be_visible()
        expect(static.get_by_text("canceled").first).to_be_visible()
    finally:
        window.close()
