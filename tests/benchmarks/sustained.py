"""Two hundred conversations that stream fifty chunks a second each: does one runtime keep up, and is its loop free?

Beside it the bare SDK, which reads the same two hundred streams and keeps nothing. What is measured begins a while
after all of them have begun, when it is settled how closely they are followed, and ends with the first that ends: the
streaming, and not the two hundred beginnings.
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
from .stalls import Span, Stalls, p99, stalls
from .steady_server import WORD, steady_server

CONVERSATIONS = 200
EACH_PER_S = 50
QUICK_S, FULL_S = 10, 24
SETTLING_S = 4
TICK_S = 0.01
LOOK_S = 1.0


class Load(NamedTuple):
    """What it took to read all streams for a while."""

    seconds: float
    cpu_s: float
    ticks: list[Span]
    """Sleeps of `TICK_S` on the loop that reads."""
    chunks: int
    behind_ms: list[float]
    """How far the reading of a stream was behind the server's writing, looked at every `LOOK_S`."""

    def told(self, stood_still: Stalls) -> str:
        late, ran = (
            [tick.late_ms(TICK_S) for tick in ticks] for ticks in (self.ticks, stood_still.clear_of(self.ticks))
        )
        return (
            f"{self.chunks / self.seconds:,.0f} chunks/s over {self.seconds:.1f} s with "
            f"{self.cpu_s / self.seconds:.0%} of one core; text is "
            f"{statistics.median(self.behind_ms):.0f} ms behind the server, {p99(self.behind_ms):.0f} at p99; its loop "
            f"comes round {p99(late):.0f} ms late at p99, {p99(ran):.0f} ms while the machine ran"
        )


class Streams:
    """When each of them began, and a way to ask how many chunks of it have been read."""

    def __init__(self) -> None:
        self.all_began = anyio.Event()
        self.first_ended = anyio.Event()
        self._streams: list[tuple[float, Callable[[], int]]] = []

    def began(self, read: Callable[[], int]) -> None:
        """Its first chunk is here."""
        self._streams.append((time.perf_counter(), read))
        if len(self._streams) == CONVERSATIONS:
            self.all_began.set()

    def read(self) -> int:
        return sum(read() for _, read in self._streams)

    def behind_ms(self) -> list[float]:
        """How far the reading of each is behind the server's writing now."""
        now = time.perf_counter()
        return [1000 * (now - began - (read() - 1) / EACH_PER_S) for began, read in self._streams]


async def measure(full: bool) -> list[Row]:
    seconds = FULL_S if full else QUICK_S
    chunks = EACH_PER_S * seconds
    with steady_server(chunks) as url, tempfile.TemporaryDirectory() as folder:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
            with stalls() as beside_bare:
                base = await _bare(client, chunks)
        async with jido_nb.open_runtime(settings_for(url), Path(folder) / "runs.sqlite") as runtime:
            with stalls() as beside_ours:
                own = await _ours(runtime, chunks)
            await runtime.idle()
            assert runtime.health().status == "ok"
            assert jido_nb.replay(runtime.journal).identical
    per_chunk = [1e6 * load.cpu_s / load.chunks for load in (base, own)]
    return [
        Row(
            f"{CONVERSATIONS} conversations, {EACH_PER_S} chunks/s each",
            f"{CONVERSATIONS * EACH_PER_S:,} chunks/s, and the loop free",
            own.told(beside_ours),
        ),
        Row("  the bare `anthropic` loop over the same streams", "", base.told(beside_bare)),
        Row(
            "  CPU per chunk, durable SQLite journal, over the bare loop",
            "<= 1.3x",
            f"{per_chunk[1] / per_chunk[0]:.2f}x: {per_chunk[1]:.0f} µs against {per_chunk[0]:.0f} µs",
        ),
    ]


async def _bare(client: anthropic.AsyncAnthropic, chunks: int) -> Load:
    streams = Streams()

    async def one() -> None:
        hello = [{"role": "user", "content": "go"}]
        words: list[str] = []
        async for event in await client.messages.create(
            model="steady",
            max_tokens=9,
            messages=hello,  # type: ignore[arg-type]
            stream=True,
        ):
            if event.type == "content_block_delta":
                words.append(event.delta.text)
                if len(words) == 1:
                    streams.began(words.__len__)
        assert len(words) == chunks
        streams.first_ended.set()

    return await _loaded(streams, one)


async def _ours(runtime: "jido_nb.Runtime", chunks: int) -> Load:
    streams = Streams()

    async def one() -> None:
        turn = await runtime.conversation(model="simulated:steady").send("go")
        async for event in turn:
            if event.kind == "delta":
                break
        streams.began(lambda: len(turn.text) // len(WORD))
        await turn.wait()
        assert len(turn.text) == chunks * len(WORD)
        streams.first_ended.set()

    return await _loaded(streams, one)


async def _loaded(streams: Streams, one: Callable[[], Awaitable[None]]) -> Load:
    ticks: list[Span] = []
    behind_ms: list[float] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(CONVERSATIONS):
            tasks.start_soon(one)
        await streams.all_began.wait()
        await anyio.sleep(SETTLING_S)
        async with anyio.create_task_group() as watching:
            watching.start_soon(_watch, ticks)
            watching.start_soon(_look, streams, behind_ms)
            before, began, began_cpu = streams.read(), time.perf_counter(), time.process_time()
            await streams.first_ended.wait()
            took = time.perf_counter() - began, time.process_time() - began_cpu
            chunks = streams.read() - before
            watching.cancel_scope.cancel()
    return Load(*took, ticks, chunks, behind_ms)


async def _watch(ticks: list[Span]) -> None:
    while True:
        began = time.perf_counter()
        await anyio.sleep(TICK_S)
        ticks.append(Span(began, time.perf_counter()))


async def _look(streams: Streams, behind_ms: list[float]) -> None:
    while True:
        await anyio.sleep(LOOK_S)
        behind_ms += streams.behind_ms()
