"""What a person at a page waits for: the first text, the end after a click, and what crosses the wire meanwhile.

Kernel and browser share the machine's clock, so their times can be compared. The producer is the simulator.
"""

import ast
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from .row import Row

if TYPE_CHECKING:
    from ..browser.notebook_page import NotebookPage

ROUNDS = 8
WATCH = """() => {
  const now = () => performance.timeOrigin + performance.now();
  const times = (window.times = { first: null, click: null, canceled: null });
  document.addEventListener('click', () => (times.click = now()), { capture: true });
  const isCanceled = () =>
    document.querySelector('.jd-chip[data-s="canceled"]') ||
    [...document.querySelectorAll('[data-mime-type="text/html"] span')].some((el) => el.textContent === 'canceled');
  new MutationObserver(() => {
    if (times.first === null && document.querySelector('.jd-answer')?.textContent) times.first = now();
    if (times.click !== null && times.canceled === null && isCanceled()) times.canceled = now();
  }).observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });
}"""
CLEAR = """() => {
  for (const cell of panel.content.widgets) cell.model.outputs?.clear();
  Object.assign(window.times, { first: null, click: null, canceled: null });
}"""


async def measure(full: bool) -> list[Row]:
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        return [Row("in the browser", "", "not measured: no chromium here")]
    # In a thread: Playwright's synchronous side wants none with a running loop.
    return await anyio.to_thread.run_sync(_measure)


def _measure() -> list[Row]:
    from ..browser.chromium import chromium
    from ..browser.jupyter_server import jupyter_server
    from ..browser.notebook_page import NotebookPage

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        jupyter_server(Path(folder)) as server,
        chromium() as browser,
    ):
        page = NotebookPage(browser.new_page(), server)
        page.open()
        page.do("%load_ext jido_nb")
        page.wait_at_rest(page.run("%%jido -m simulated:thinking\nThe hub is loaded with the first answer."))
        page.page.evaluate(WATCH)
        rows = [*_waits(page), *_traffic(page)]
        page.close()
    return rows


def _waits(page: "NotebookPage") -> list[Row]:
    first: list[float] = []
    canceled: list[float] = []
    for _ in range(ROUNDS):
        page.page.evaluate(CLEAR)
        index = page.run("%%jido --new --bg -o turn -m simulated:slow\ngo")
        page.wait_status(index, "streaming")
        page.button(index).click()
        page.wait_at_rest(index)
        times = page.page.evaluate("() => times")
        produced = float(page.value("turn.view.started_us / 1000 + turn.view.first_chunk_ms"))
        first.append(times["first"] - produced)
        canceled.append(times["canceled"] - times["click"])
    return [
        Row("first chunk in the kernel to first text in the page", "<= 60 ms", _shown(first)),
        Row("click on Cancel to `canceled` in the page", "<= 150 ms", _shown(canceled)),
    ]


def _traffic(page: "NotebookPage") -> list[Row]:
    page.traffic.forget()
    index = page.run("%%jido --new -o turn -m simulated:story\ngo")
    page.wait_at_rest(index)
    page.wait_idle(index)
    hub, seconds = page.traffic.hub, page.traffic.seconds
    characters = len(ast.literal_eval(page.value("turn.text")))
    said = sum(message.size for message in hub)
    wire = sum(message.wire for message in hub)
    return [
        Row(
            f"what the hub says for an answer of {characters:,} characters in {seconds:.1f} s",
            f"<= {3 * characters + 1000 * seconds:,.0f} bytes (3 a character and 1 KB a second)",
            f"{said:,} bytes in {len(hub)} messages; {wire:,} with Jupyter's envelopes",
        )
    ]


def _shown(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} ms median, {max(times):.0f} ms worst of {len(times)}"
