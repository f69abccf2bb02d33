"""How long a cancel takes while a hundred streams run: from the wish to `canceled` in the journal."""

import statistics
import tempfile
import time
from pathlib import Path

import anyio

import jido_nb

from .row import Row
from .simulator_process import settings_for, simulator_process

STREAMS = 100


async def measure() -> list[Row]:
    took: list[float] = []
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        async with jido_nb.open_runtime(settings_for(url), Path(folder) / "runs.sqlite") as runtime:
            turns = [await runtime.conversation(model="simulated:slow").send("hello") for _ in range(STREAMS)]

            async def first_delta(turn: "jido_nb.Turn") -> None:
                async for event in turn:
                    if event.kind == "delta":
                        return

            async with anyio.create_task_group() as tasks:
                for turn in turns:
                    tasks.start_soon(first_delta, turn)
            for turn in turns:
                began = time.perf_counter()
                assert await turn.cancel()
                took.append(1000 * (time.perf_counter() - began))
    p99 = statistics.quantiles(took, n=100)[98]
    return [
        Row(
            f"cancel to canceled, journaled and settled, {STREAMS} streams running",
            "<= 20 ms p99",
            f"{p99:.1f} ms p99, {statistics.median(took):.1f} ms median",
        )
    ]
