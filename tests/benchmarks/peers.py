"""One stream of 2,000 chunks: the bare SDK loops, what people use above them, and ours, which alone keeps it all.

Of `llm` the OpenAI protocol is measured, over the SDK of that; everybody else speaks Anthropic's. The simulator runs in
a process of its own and says the same to all.
"""

import gc
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anthropic
import anyio

import jido_nb
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.sqlite import SqliteJournal

from .alternating import Way, costs
from .row import Row
from .simulator_process import settings_for, simulator_process

MODEL, CHUNKS = "burst-2000", 2000
BARE, BARE_OPENAI = "the bare `anthropic` loop", "the bare `openai` loop"
TARGETS = {"jido_nb, in memory": "", "jido_nb, SQLite NORMAL": "<= 1.3x", "jido_nb, SQLite FULL": ""}
HELLO = [{"role": "user", "content": "hello"}]


async def measure(full: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            url = stack.enter_context(simulator_process())
            client = await stack.enter_async_context(
                anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0)
            )
            ways, missing = {BARE: _bare(client), "the SDK's `stream()`": _helper(client)}, []
            for name, maker in PEERS.items():
                try:
                    ways |= maker(url, client)
                except ImportError as error:
                    missing.append(Row(f"  {name}", "", f"not installed ({error.name})"))
            journals = {
                "jido_nb, in memory": MemoryJournal(),
                "jido_nb, SQLite NORMAL": SqliteJournal(Path(folder) / "normal.sqlite"),
                "jido_nb, SQLite FULL": SqliteJournal(Path(folder) / "full.sqlite", synchronous="FULL"),
            }
            for name, journal in journals.items():
                stack.callback(journal.close)
                runtime = await stack.enter_async_context(jido_nb.open_runtime(settings_for(url), journal))
                ways[name] = _ours(runtime)
            found = await costs(ways, CHUNKS, rounds=15 if full else 5)
            # Some peers leave their connections to the garbage collector, which closes them on this loop.
            ways.clear()
            gc.collect()
            await anyio.sleep(0.2)
    rows = [Row(f"CPU per chunk of an answer in {CHUNKS:,} chunks, median and middle half", "", "")]
    for name, cost in found.items():
        base = found[BARE_OPENAI if name.startswith(("`llm`", BARE_OPENAI)) else BARE]
        told = f"{cost.cpu.median / base.cpu.median:.2f}x: {cost.cpu}; {cost.wall.median:.1f} µs of wall time"
        rows.append(Row(f"  {name}", TARGETS.get(name, ""), told, bar=(name, cost.cpu.median)))
    return rows + missing


def _bare(client: anthropic.AsyncAnthropic) -> Way:
    async def run() -> None:
        count = 0
        async for event in await client.messages.create(model=MODEL, max_tokens=9, messages=HELLO, stream=True):
            count += event.type == "content_block_delta"
        assert count == CHUNKS

    return run


def _helper(client: anthropic.AsyncAnthropic) -> Way:
    async def run() -> None:
        async with client.messages.stream(model=MODEL, max_tokens=9, messages=HELLO) as stream:
            assert [text async for text in stream.text_stream] == ["word "] * CHUNKS

    return run


def _ours(runtime: "jido_nb.Runtime") -> Way:
    async def run() -> None:
        turn = await runtime.conversation(model=f"simulated:{MODEL}").send("hello")
        async for _ in turn:
            pass
        assert len((await turn.result()).text) == 5 * CHUNKS
        await runtime.idle()  # what a turn leaves to be done belongs to it

    return run


def _pydantic_ai(url: str, client: anthropic.AsyncAnthropic) -> dict[str, Way]:
    from pydantic_ai import Agent
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.messages import ModelRequest
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    model = AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=client))
    agent = Agent(model)

    async def direct() -> None:
        async with model_request_stream(model, [ModelRequest.user_text_prompt("hello")]) as stream:
            assert len([event async for event in stream]) >= CHUNKS

    async def agentic() -> None:
        async with agent.run_stream("hello") as result:
            assert len([text async for text in result.stream_text(delta=True, debounce_by=None)]) == CHUNKS

    return {"`pydantic-ai`, direct": direct, "`pydantic-ai`, Agent": agentic}


def _chatlas(url: str, client: anthropic.AsyncAnthropic) -> dict[str, Way]:
    import chatlas

    async def run() -> None:
        # A chat of its own each time: this one keeps what was said, and would send more each time.
        chat = chatlas.ChatAnthropic(
            model=MODEL, api_key="none", cache="none", kwargs={"base_url": url, "max_retries": 0}
        )
        assert len([text async for text in await chat.stream_async("hello", echo="none")]) == CHUNKS

    return {"`chatlas`": run}


def _llm(url: str, client: anthropic.AsyncAnthropic) -> dict[str, Way]:
    import openai
    from llm.default_plugins.openai_models import AsyncChat

    bare = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    model = AsyncChat(MODEL, api_base=f"{url}/v1", key="none")
    hello: Any = HELLO

    async def loop() -> None:
        count = 0
        async for chunk in await bare.chat.completions.create(model=MODEL, messages=hello, stream=True):
            count += bool(chunk.choices and chunk.choices[0].delta.content)
        assert count == CHUNKS

    async def run() -> None:
        assert len([text async for text in model.prompt("hello", key="none")]) >= CHUNKS

    return {BARE_OPENAI: loop, "`llm`, over the latter": run}


PEERS = {"`pydantic-ai`": _pydantic_ai, "`chatlas`": _chatlas, "`llm`": _llm}
