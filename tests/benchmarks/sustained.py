"""Two hundred conversations that stream fifty chunks a second each: does one runtime keep up, and is its loop free?

Beside it the bare SDK, which reads the same two hundred streams and keeps nothing.
"""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import anthropic
import anyio

import jido_nb

from .row import Row
from .simulator_process import settings_for
from .steady_server import WORD, steady_server

CONVERSATIONS = 200
QUICK_S, FULL_S = 4, 20
TICK_S = 0.01


class Load(NamedTuple):
    """What it took to read all streams."""

    seconds: float
    cpu_s: float
    late_ms: list[float]
    chunks: int

    def __str__(self) -> str:
        p99 = statistics.quantiles(self.late_ms, n=100)[98]
        return (
            f"over after {self.seconds:.1f} s ({self.chunks / self.seconds:,.0f} chunks/s), "
            f"{self.cpu_s / self.seconds:.0%} of one core; "
            f"its loop comes round {p99:.0f} ms late at p99"
        )


async def measure(full: bool) -> list[Row]:
    seconds = FULL_S if full else QUICK_S
    chunks = 50 * seconds
    with steady_server(chunks) as url, tempfile.TemporaryDirectory() as folder:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:

            async def bare() -> None:
                hello = [{"role": "user", "content": "go"}]
                count = 0
                async for event in await client.messages.create(
                    model="steady",
                    max_tokens=9,
                    messages=hello,  # type: ignore[arg-type]
                    stream=True,
                ):
                    count += event.type == "content_block_delta"
                assert count == chunks

            base = await _loaded(bare, chunks)
        async with jido_nb.open_runtime(settings_for(url), Path(folder) / "runs.sqlite") as runtime:

            async def ours() -> None:
                turn = await runtime.conversation(model="simulated:steady").send("go")
                await turn.wait()
                assert len(turn.text) == chunks * len(WORD)

            own = await _loaded(ours, chunks)
            await runtime.idle()
            assert runtime.health().status == "ok"
            signals = runtime.journal.last_seq()
    per_chunk = [1e6 * load.cpu_s / (CONVERSATIONS * chunks) for load in (base, own)]
    return [
        Row(f"{CONVERSATIONS} conversations, 50 chunks/s each, for {seconds} s", f"over after {seconds} s", str(own)),
        Row("  the bare `anthropic` loop over the same streams", "", str(base)),
        Row(
            "  CPU per chunk, durable SQLite journal, over the bare loop",
            "<= 1.3x",
            f"{per_chunk[1] / per_chunk[0]:.2f}x: {per_chunk[1]:.0f} µs against {per_chunk[0]:.0f} µs, "
            f"{signals:,} signals",
        ),
    ]


async def _loaded(one: Callable[[], Awaitable[None]], chunks: int) -> Load:
    late: list[float] = []
    await one()  # imports and connects
    async with anyio.create_task_group() as watching:
        watching.start_soon(_watch, late)
        began, began_cpu = time.perf_counter(), time.process_time()
        async with anyio.create_task_group() as streams:
            for _ in range(CONVERSATIONS):
                streams.start_soon(one)
        load = Load(time.perf_counter() - began, time.process_time() - began_cpu, late, CONVERSATIONS * chunks)
        watching.cancel_scope.cancel()
    return load


async def _watch(late: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await anyio.sleep(TICK_S)
        late.append(1000 * (time.perf_counter() - began - TICK_S))
