"""A stream through the whole durable runtime beside the bare SDK loop over the same stream, alternating in one run."""

import statistics
import tempfile
import time
from pathlib import Path

import anthropic

import jido_nb

from .alternating import costs
from .row import Row
from .simulator_process import settings_for, simulator_process

PACED = "story"
CHUNKS = {"burst-200": 200, "burst-20000": 20_000}
HELLO = [{"role": "user", "content": "hello"}]


async def measure(full: bool) -> list[Row]:
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client,
            jido_nb.open_runtime(settings_for(url), path) as runtime,
        ):
            rows = [await _cpu(client, runtime, model, chunks, full) for model, chunks in CHUNKS.items()]
            return [*rows, *await _first_chunk(client, runtime, 101 if full else 31)]


async def _cpu(
    client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime", model: str, chunks: int, full: bool
) -> Row:
    async def bare() -> None:
        count = 0
        async for event in await client.messages.create(model=model, max_tokens=9, messages=HELLO, stream=True):
            count += event.type == "content_block_delta"
        assert count == chunks

    async def ours() -> None:
        turn = await runtime.conversation(model=f"simulated:{model}").send("hello")
        async for _ in turn:
            pass
        assert (await turn.result()).status == "completed"

    found = await costs({"bare": bare, "ours": ours}, chunks, rounds=(25 if full else 9) if chunks < 1000 else 3)
    base, own = found["bare"].cpu, found["ours"].cpu
    return Row(
        f"CPU per chunk of an answer in {chunks:,} chunks, SQLite NORMAL, over the bare `anthropic` loop",
        "<= 1.3x",
        f"{own.median / base.median:.2f}x: {own}, against {base}",
    )


async def _first_chunk(client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime", rounds: int) -> list[Row]:
    """Over a paced stream: in a burst the first chunk shares its packet with hundreds, and waiting means nothing."""
    known = runtime.conversation(model=f"simulated:{PACED}")

    async def bare() -> float:
        began = time.perf_counter()
        stream = await client.messages.create(model=PACED, max_tokens=9, messages=HELLO, stream=True)
        async with stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    return time.perf_counter() - began
        raise AssertionError("no chunk")

    async def ours(conversation: "jido_nb.Conversation") -> float:
        began = time.perf_counter()
        turn = await conversation.send("hello")
        async for event in turn:
            if event.kind == "delta":
                took = time.perf_counter() - began
                await turn.cancel()
                return took
        raise AssertionError("no chunk")

    new: list[float] = []
    going_on: list[float] = []
    for _ in range(rounds + 1):
        base = await bare()
        new.append(1000 * (await ours(runtime.conversation(model=f"simulated:{PACED}")) - base))
        going_on.append(1000 * (await ours(known) - base))
    return [
        Row(f"first chunk in hand, added over the bare SDK, {which}", "<= 3 ms median, 10 ms p99", _shown(added[1:]))
        for which, added in (("in a new conversation", new), ("in one that goes on", going_on))
    ]


def _shown(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ms median, {statistics.quantiles(times, n=100)[98]:.2f} ms p99"
