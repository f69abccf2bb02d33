"""However many turns a runtime has had, and in however many conversations: it holds what it held after the first few.

Counted are the objects of our own types, and the bytes that our own lines have allocated; not the size of the process,
which is the business of its allocator. Whatever remembers is told to remember little, so that it is full soon.
"""

import gc
import tracemalloc
from collections import Counter

import pytest

from jido_nb.llm.error import LLMError
from jido_nb.runtime import parity, partition, spendings, writing_line
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, ScriptedBackend, Started, Wait

pytestmark = pytest.mark.anyio

FEW, MANY = 64, 128
"""Turns before the first count, and between the two."""
KEPT = ("c0", "c1")
"""Conversations that go on and on; every other turn is in a new one."""
SPARE_OBJECTS, SPARE_BYTES = 10, 64_000
"""What may come and go with chance. An object for each turn, or an id for each signal, would be far more."""

ENDS = {
    "answer": Complete,
    "wait": Wait,
    # Made anew each time: an error that is raised again keeps what it went through before.
    "fail": lambda: Fail(LLMError("auth", "no")),
    "try again": lambda: Fail(LLMError("transport", "reset")),
    "break": lambda: Fail(RuntimeError("a mistake of the backend's")),
}
KINDS = ("answer", "cancel", "fail", "abort", "try again", "repeat", "break", "tool")


class ByWord(ScriptedBackend):
    """Plays what the message asks for, and remembers nothing."""

    def _next_script(self, request):
        for remembered in (self.cancels, self.closed, self.played):
            remembered.clear()
        again = request.metadata["attempt"] > 1
        asked = request.messages[-1].content
        end = ENDS["answer" if again or not isinstance(asked, str) else asked]
        return [Started(), Delta("hel"), Delta("lo"), end()]


def chat_of(runtime, number):
    """Every other round of kinds is in conversations that go on, and the turns between are in new ones."""
    round_ = number // len(KINDS)
    return runtime.conversation(
        KEPT[round_ // 2 % len(KEPT)] if round_ % 2 else f"new {number}", budget={"attempts": 10**6}
    )


async def turns(runtime, numbers):
    for number in numbers:
        kind, chat = KINDS[number % len(KINDS)], chat_of(runtime, number)
        if kind == "tool":
            await chat.call_tool("shout", {"text": "hello"})
        elif kind == "repeat":
            # What an older conversation, which has left memory since, was asked first: nothing new comes of it.
            older = number - number % len(KINDS) - 4 * len(KINDS)
            if older >= 0:
                turn = await chat_of(runtime, older).send("answer", message_id=f"m{older}")
                assert (await turn.result()).text == "hello"
        elif kind in ("cancel", "abort"):
            turn = await chat.send("wait")
            async for event in turn:
                if event.kind == "delta":
                    break
            await (turn.cancel() if kind == "cancel" else chat.abort())
            await turn.wait()
            assert turn.status == "canceled"
        else:
            turn = await chat.send(kind, message_id=f"m{number}")
            await turn.wait()
            assert turn.status == ("completed" if kind in ("answer", "try again") else "failed")
    await runtime.idle()


def held():
    """Objects of our own types by name, and the bytes that our own lines have allocated."""
    gc.collect()
    folders = [tracemalloc.Filter(True, "*/jido_nb/*"), tracemalloc.Filter(False, "*/jido_nb/testing/*")]
    ours = tracemalloc.take_snapshot().filter_traces(folders)
    kinds = (type(each) for each in gc.get_objects())
    objects = Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("jido_nb."))
    return objects, sum(trace.size for trace in ours.traces)


@pytest.fixture
def forgetful(monkeypatch):
    monkeypatch.setattr(partition, "KEPT_STATES", 2)
    monkeypatch.setattr(parity, "KEPT_CONVERSATIONS", 4)
    monkeypatch.setattr(parity, "KEPT_PLACES", 8)
    monkeypatch.setattr(spendings, "MAX_KNOWN", 4)
    monkeypatch.setattr(writing_line, "RECENT_IDS", 64)


async def test_what_a_runtime_holds_does_not_depend_on_how_much_has_been(scripted, tmp_path, forgetful):
    settings = scripted(ByWord([]), effects={"llm": {"backoff_ms": 0}}, context_messages=4)
    async with open_runtime(settings, tmp_path / "runs.sqlite", tools={"shout": str.upper}) as runtime:
        runtime.telemetry()  # which counts from then on
        tracemalloc.start()
        try:
            await turns(runtime, range(FEW))
            objects, size = held()
            await turns(runtime, range(FEW, FEW + MANY))
            objects_later, size_later = held()
        finally:
            tracemalloc.stop()
        assert runtime.health().status == "ok"
    more = {name: count - objects[name] for name, count in objects_later.items() if count > objects[name]}
    assert all(count <= SPARE_OBJECTS for count in more.values()), more
    assert size_later - size <= SPARE_BYTES


async def test_a_turn_that_is_kept_keeps_little_of_a_runtime_that_is_closed(scripted):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    tracemalloc.start()
    try:
        async with open_runtime(scripted(ByWord([]))) as runtime:
            turns = [await runtime.conversation().send("answer", attachments=[image]) for _ in range(20)]
            await runtime.idle()
            _, open_size = held()
        _, size = held()
    finally:
        tracemalloc.stop()
    assert open_size > 2_000_000
    assert size < 500_000
    assert runtime.health().conversations == 0
    assert [turn.text for turn in turns] == ["hello"] * 20


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the kernel's; trio makes cycles of its own for each task
@pytest.mark.parametrize("model", ["echo", "flaky-503", "unauthorized", "slow"])
async def test_a_turn_that_has_ended_leaves_nothing_of_ours_to_the_garbage_collector(model):
    async def turn():
        turn = await runtime.conversation(model=f"simulated:{model}").send("hello")
        async for event in turn:
            if model == "slow" and event.kind == "delta":
                await turn.cancel()
        await turn.wait()
        assert turn.status == {"unauthorized": "failed", "slow": "canceled"}.get(model, "completed")
        await runtime.idle()

    async with open_runtime({"effects": {"llm": {"backoff_ms": 1}}}) as runtime:
        await turn()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await turn()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kinds = [f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert [kind for kind in kinds if kind.startswith(("jido_nb.runtime.", "jido_nb.core."))] == []
