"""Whoever wants an answer to end, ends it: in every front end, on every kernel, whatever a cell is doing."""

import pytest

from .conftest import Opener
from .kernels import HEARS_WHILE_BLOCKED, KERNELS, NEWEST
from .notebook_page import NotebookPage

pytestmark = pytest.mark.needs("chromium")

SEND = "turn = jido.conversation().send('go', model='simulated:slow'); display(turn)\n"
SITUATIONS = {
    "returned": "%%jido --new --bg -o turn -m simulated:slow\ngo",
    "waiting": "%%jido --new -o turn -m simulated:slow\nTell me a story.",
    "awaiting": f"{SEND}await turn",
    "blocking": f"{SEND}import time\nwhile not turn.done:\n    time.sleep(0.02)",
}
"""What the cell does while the answer arrives."""

ENDS_WITH_INTERRUPT = {"waiting", "awaiting"}
"""Cells of ours: their interrupt is the answer's."""

STAGES = [("lab", kernel) for kernel in KERNELS] + [("notebook", NEWEST), ("notebook", "6.31")]


@pytest.fixture(scope="module", params=STAGES, ids="-".join)
def stage(request: pytest.FixtureRequest, open_page: Opener) -> tuple[NotebookPage, str]:
    """A notebook, and the name of its kernel."""
    front_end, kernel = request.param
    return open_page(front_end, kernel), kernel


def last_cancel(page: NotebookPage) -> str:
    columns = ["requested_by", "reason"]
    return page.value(f"import jido_nb; jido_nb.cancels_df(jido)[{columns}].iloc[-1].tolist()")


def test_the_kernel_is_the_one_that_is_meant(stage: tuple[NotebookPage, str]) -> None:
    page, kernel = stage
    version = page.value("import ipykernel; ipykernel.__version__")
    assert kernel == NEWEST or version.startswith(f"'{kernel}.")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_button_ends_the_answer(stage: tuple[NotebookPage, str], situation: str) -> None:
    page, kernel = stage
    index = page.run(SITUATIONS[situation])
    page.wait_status(index, "streaming")
    if situation == "returned":
        page.wait_idle(index)
    page.button(index).click()
    asked_by, reason = "widget", "user_cancel"
    if situation != "returned" and not HEARS_WHILE_BLOCKED[kernel]:
        # The click waits for the cell to end, so the button offers what does arrive.
        page.button(index, "Interrupt kernel").wait_for()
        if situation == "waiting" and page.front_end == "lab":
            page.picture("interrupt", page.cell(index))
        page.button(index, "Interrupt kernel").click()
        page.wait_idle(index)
        if situation in ENDS_WITH_INTERRUPT:
            asked_by, reason = "interrupt", "interrupt"
    data = page.wait_at_rest(index)
    page.wait_idle(index)
    assert data["text/plain"].startswith("##")
    assert data["text/plain"].endswith(f"[canceled: {reason}]")
    assert last_cancel(page) == str([asked_by, reason])


@pytest.mark.parametrize("situation", sorted(ENDS_WITH_INTERRUPT))
def test_the_stop_button_ends_the_answer_that_the_cell_waits_for(
    stage: tuple[NotebookPage, str], situation: str
) -> None:
    page, _kernel = stage
    index = page.run(SITUATIONS[situation])
    page.wait_status(index, "streaming")
    page.command("notebook:interrupt-kernel")
    data = page.wait_at_rest(index)
    page.wait_idle(index)
    assert data["text/plain"].endswith("[canceled: interrupt]")
    assert page.outputs(index)[-1]["output_type"] == "error"
    assert last_cancel(page) == "['interrupt', 'interrupt']"
