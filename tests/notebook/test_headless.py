"""Executed by a runner: no widget, one display a turn, the same text every time, and failures raise."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from .comm_front_end import CommFrontEnd


@pytest.mark.parametrize("flags", ["", "--bg", "--no-stream"])
@pytest.mark.parametrize("model", ["thinking", "flaky-503", "tools"])
def test_a_cell_waits_and_shows_one_static_output(headless_kernel: CommFrontEnd, model: str, flags: str) -> None:
    code = f"%%jido --new {flags} -m simulated:{model}\nhello"
    cells = [headless_kernel.run(code) for _ in range(2)]
    for cell in cells:
        assert [output["kind"] for output in cell.outputs] == ["display_data"]
        assert set(cell.outputs[0]["data"]) == {"text/plain", "text/html"}
        assert "[running]" not in cell.texts[0]
    assert cells[0].texts == cells[1].texts
    assert headless_kernel.opened == []


def test_a_turn_as_last_expression_waits_too(headless_kernel: CommFrontEnd) -> None:
    cell = headless_kernel.run("jido.conversation().send('hi', model='simulated:thinking')")
    assert len(cell.outputs) == 1
    assert "primes" in cell.texts[0]


def test_no_widget_library_is_loaded(headless_kernel: CommFrontEnd) -> None:
    assert headless_kernel.run("import sys; 'anywidget' in sys.modules").texts == ["False"]


def test_nbclient_gets_the_answer_and_the_failure() -> None:
    def executed(*sources: str) -> nbformat.NotebookNode:
        cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext jido_nb", *sources)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
        return notebook

    notebook = executed("%%jido -m simulated:thinking\nhello")
    assert notebook.cells[0].outputs == []
    assert len(notebook.cells[1].outputs) == 1
    assert "primes" in notebook.cells[1].outputs[0]["data"]["text/plain"]
    assert "widgets" not in notebook.metadata

    with pytest.raises(CellExecutionError, match="GenerationFailed"):
        executed("%%jido -m simulated:always-503\nhello")


@pytest.mark.parametrize(("variable", "widgets"), [("headless", 0), ("live", 1)])
def test_the_environment_may_say_who_reads(fresh_kernel: CommFrontEnd, variable: str, widgets: int) -> None:
    fresh_kernel.live = variable == "headless"
    fresh_kernel.run(f"import os; os.environ['JIDO_NB_FRONTEND'] = {variable!r}")
    fresh_kernel.run("%load_ext jido_nb")
    cell = fresh_kernel.run("%%jido -m simulated:thinking\nhello")
    assert cell.error is None
    assert len(cell.outputs) == 1
    assert len(fresh_kernel.views) == widgets
