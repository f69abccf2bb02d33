"""A stream through the whole durable runtime beside the bare SDK loop over the same stream, alternating in one run."""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anthropic

import jido_nb

from .row import Row
from .simulator_process import settings_for, simulator_process

ROUNDS = 9
FIRST_CHUNKS = 51
PACED = "slow"
MODELS = {"burst-200": 200, "burst-2000": 2000}
HELLO = [{"role": "user", "content": "hello"}]


async def measure() -> list[Row]:
    rows = []
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        client = anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0)
        path = Path(folder) / "runs.sqlite"
        async with jido_nb.open_runtime(settings_for(url), path) as runtime:
            for model, chunks in MODELS.items():
                rows.append(await _cpu(client, runtime, model, chunks))
            rows.append(await _first_chunk(client, runtime))
        await client.close()
    return rows


async def _cpu(client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime", model: str, chunks: int) -> Row:
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

    cpu: dict[str, list[float]] = {"bare": [], "ours": []}
    ways: dict[str, Callable[[], Awaitable[None]]] = {"bare": bare, "ours": ours}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before = time.process_time()
            await way()
            cpu[name].append((time.process_time() - before) / chunks * 1e6)
    base, own = statistics.median(cpu["bare"][1:]), statistics.median(cpu["ours"][1:])
    return Row(
        f"CPU per chunk over the bare SDK loop, durable SQLite journal ({model})",
        "<= 1.3x",
        f"{own / base:.2f}x ({own:.1f} µs against {base:.1f} µs, median of {ROUNDS - 1})",
    )


async def _first_chunk(client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime") -> Row:
    """Over a paced stream: in a burst the first chunk shares its packet with hundreds, and waiting means nothing."""

    async def bare() -> float:
        began = time.perf_counter()
        stream = await client.messages.create(model=PACED, max_tokens=9, messages=HELLO, stream=True)
        async with stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    return time.perf_counter() - began
        raise AssertionError("no chunk")

    async def ours() -> float:
        began = time.perf_counter()
        turn = await runtime.conversation(model=f"simulated:{PACED}").send("hello")
        async for event in turn:
            if event.kind == "delta":
                took = time.perf_counter() - began
                await turn.cancel()
                return took
        raise AssertionError("no chunk")

    added = [1000 * (-(await bare()) + await ours()) for _ in range(FIRST_CHUNKS)][1:]
    return Row(
        f"first chunk in hand, added over the bare SDK ({PACED})",
        "<= 3 ms median, 10 ms p99",
        f"{statistics.median(added):.2f} ms median, {statistics.quantiles(added, n=100)[98]:.2f} ms p99",
    )
