"""How long a cancel takes while other streams run: from the wish to `canceled` in the journal and all at rest."""

import statistics
import tempfile
import time
from pathlib import Path

import anyio

import jido_nb

from .row import Row
from .simulator_process import settings_for, simulator_process
from .stalls import Span, p99, stalls

STREAMS = (1, 10, 100)
MANY = (*STREAMS, 200)
SAMPLES = 25


async def measure(full: bool) -> list[Row]:
    rows = []
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        for streams in MANY if full else STREAMS:
            async with jido_nb.open_runtime(settings_for(url), Path(folder) / f"{streams}.sqlite") as runtime:
                with stalls() as stood_still:
                    cancels = await _cancels(runtime, streams)
            took, ran = ([cancel.ms for cancel in some] for some in (cancels, stood_still.clear_of(cancels)))
            rows.append(
                Row(
                    f"cancel to canceled, journaled and settled, {streams} streams running",
                    "<= 20 ms p99" if streams == 100 else "",
                    f"{p99(took):.1f} ms p99, {statistics.median(took):.1f} ms median of {len(took)}; "
                    f"{p99(ran):.1f} ms p99 of the {len(ran)} while the machine ran",
                )
            )
    return rows


async def _cancels(runtime: "jido_nb.Runtime", streams: int) -> list[Span]:
    """Cancel one after the other; after each, another takes its place, so that as many are always running."""
    running: list[jido_nb.Turn] = []

    async def begin() -> None:
        turn = await runtime.conversation(model="simulated:slow").send("hello")
        async for event in turn:
            if event.kind == "delta":
                break
        running.append(turn)

    async with anyio.create_task_group() as tasks:
        for _ in range(streams):
            tasks.start_soon(begin)
    took: list[Span] = []
    for _ in range(max(SAMPLES, streams)):
        turn = running.pop(0)
        began = time.perf_counter()
        assert await turn.cancel()
        took.append(Span(began, time.perf_counter()))
        await begin()
    return took
