"""A stream through the whole durable runtime beside the bare SDK loop over the same stream, alternating in one run."""

import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import anthropic

import jido_nb

from .alternating import costs
from .row import Row
from .simulator_process import settings_for, simulator_process
from .stalls import Span, Stalls, p99, stalls

PACED = "story"
ANSWERS = {"burst-200": (200, 10), "burst-20000": (20_000, 1)}
"""Chunks of an answer, and how many answers one after the other are one round. What a turn leaves to be done when it
has ended, as the check of its replay, belongs to it: a round ends when all of that is done."""
HELLO = [{"role": "user", "content": "hello"}]


async def measure(full: bool) -> list[Row]:
    with simulator_process() as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client,
            jido_nb.open_runtime(settings_for(url), path) as runtime,
        ):
            rows = [await _cpu(client, runtime, model, *answers, full) for model, answers in ANSWERS.items()]
            return [*rows, *await _first_chunk(client, runtime, 101 if full else 31)]


async def _cpu(
    client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime", model: str, chunks: int, times: int, full: bool
) -> Row:
    async def bare() -> None:
        for _ in range(times):
            count = 0
            async for event in await client.messages.create(model=model, max_tokens=9, messages=HELLO, stream=True):
                count += event.type == "content_block_delta"
            assert count == chunks

    async def ours() -> None:
        for _ in range(times):
            turn = await runtime.conversation(model=f"simulated:{model}").send("hello")
            async for _ in turn:
                pass
            assert (await turn.result()).status == "completed"
        await runtime.idle()

    found = await costs({"bare": bare, "ours": ours}, chunks * times, rounds=(15 if full else 5) if times > 1 else 3)
    base, own = found["bare"].cpu, found["ours"].cpu
    return Row(
        f"CPU per chunk of an answer in {chunks:,} chunks, SQLite NORMAL, over the bare `anthropic` loop",
        "<= 1.3x",
        f"{own.median / base.median:.2f}x: {own}, against {base}",
    )


class Added(NamedTuple):
    """How much longer one round took than the bare SDK did right before it, and when both were asked."""

    ms: float
    asked: Span


async def _first_chunk(client: anthropic.AsyncAnthropic, runtime: "jido_nb.Runtime", rounds: int) -> list[Row]:
    """Over a paced stream: in a burst the first chunk shares its packet with hundreds, and waiting means nothing.

    The conversation that goes on grows by a question each round, until it is as long as what a model is told; the bare
    SDK sends as many.
    """
    known = runtime.conversation(model=f"simulated:{PACED}")

    async def bare(messages: int) -> Span:
        began = perf_counter()
        stream = await client.messages.create(model=PACED, max_tokens=9, messages=messages * HELLO, stream=True)
        async with stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    return Span(began, perf_counter())
        raise AssertionError("no chunk")

    async def ours(conversation: "jido_nb.Conversation") -> Span:
        began = perf_counter()
        turn = await conversation.send("hello")
        async for event in turn:
            if event.kind == "delta":
                took = Span(began, perf_counter())
                await turn.cancel()
                return took
        raise AssertionError("no chunk")

    added: dict[str, list[Added]] = {"in a new conversation": [], "in one that goes on": []}
    with stalls() as stood_still:
        for number in range(rounds + 1):
            new = runtime.conversation(model=f"simulated:{PACED}")
            told = min(number + 1, runtime.settings.context_messages)
            for found, conversation, messages in zip(added.values(), (new, known), (1, told), strict=True):
                base, own = await bare(messages), await ours(conversation)
                found.append(Added(own.ms - base.ms, Span(base.began, own.ended)))
    return [
        Row(
            f"first chunk in hand, added over the bare SDK, {which}",
            "<= 3 ms median, 10 ms p99",
            _shown(found[1:], stood_still),
        )
        for which, found in added.items()
    ]


def _shown(rounds: list[Added], stood_still: Stalls) -> str:
    times = [one.ms for one in rounds]
    ran = [one.ms for one in rounds if stood_still.clear_of([one.asked])]
    return (
        f"{statistics.median(times):.2f} ms median, {p99(times):.2f} ms p99; {p99(ran):.2f} ms p99 of the "
        f"{len(ran)} rounds of {len(times)} in which the machine ran"
    )
