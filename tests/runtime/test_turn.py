"""One answer on its way, as those see it who read it, await it, cancel it."""

import gc
import threading
from itertools import pairwise

import anyio
import anyio.from_thread
import pytest

from jido_nb.errors import ContractError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.llm.error import GenerationCanceled, GenerationFailed, LLMError
from jido_nb.runtime import following
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, ScriptedBackend, Started, Thinking, Wait

pytestmark = pytest.mark.anyio

ANSWER = [Started(), Thinking("hm"), Delta("Hel"), Delta("lo "), Delta("\n"), Complete()]
HANGING = [Started(), Delta("par"), Delta("tial"), Wait()]
BUSY = LLMError("provider", "503 busy")
EACH = {"effects": {"llm": {"backoff_ms": 0, "join_ms": 0}}}


async def kinds(turn, into):
    async for event in turn:
        into.append((event.kind, event.text))


async def first_delta(turn):
    async for event in turn:
        if event.kind == "delta":
            return


async def test_every_reader_gets_every_event_whenever_it_begins(journal, scripted, at_rest):
    settings = scripted(ANSWER, **EACH)
    async with open_runtime(settings, journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        readers = [[], [], []]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(kinds, turn, readers[0])
            await first_delta(turn)
            tasks.start_soon(kinds, turn, readers[1])
        await turn.wait()
        await kinds(turn, readers[2])
        told = [("started", ""), ("thinking", "hm"), ("delta", "Hel"), ("delta", "lo "), ("delta", "\n")]
        assert readers == [[*told, ("completed", "Hello \n")]] * 3
        assert ((await turn).text, turn.text, turn.thinking, turn.status) == ("Hello \n", "Hello \n", "hm", "completed")
        assert turn.done
        await at_rest(runtime)


async def test_what_a_turn_keeps_of_a_piece_is_nothing_that_the_garbage_collector_looks_at(journal, scripted, at_rest):
    async with open_runtime(scripted(ANSWER, **EACH), journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        events = [event async for event in turn]
        assert [event.kind for event in events if gc.is_tracked(event) or gc.is_tracked(event.data)] == []
        log = [recorded.signal for recorded in await at_rest(runtime)]
        payloads = [signal.data for signal in log if signal.type.startswith("conv.effect.")]
        assert [dict(event.data) for event in events] == [dict(payload) for payload in payloads]
        assert "Hel" in repr(events[2])
        assert "lifecycle" not in repr(events[2])


async def test_a_stream_is_three_tasks_until_somebody_ends_it(journal, scripted, at_rest):
    async with open_runtime(scripted(*[HANGING] * 4), journal) as runtime:
        turns, tasks = [], []
        for number in range(4):
            turns.append(await runtime.conversation(f"c{number}").send("hi"))
            await first_delta(turns[-1])
            tasks.append(len(anyio.get_running_tasks()))
        # The effect, its limits, and the joining of its deltas. The first one opens the backend, too.
        assert [now - before for before, now in pairwise(tasks)] == [3, 3, 3]
        for turn in turns:
            assert await turn.cancel()
        await at_rest(runtime)


async def test_only_the_last_attempt_counts_and_the_log_keeps_all(journal, scripted, at_rest):
    # W-19
    settings = scripted([Started(), Delta("wrong"), Fail(BUSY)], [Started(), Delta("right"), Complete()], **EACH)
    async with open_runtime(settings, journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        told = []
        await kinds(turn, told)
        assert [kind for kind, _ in told] == ["started", "delta", "retrying", "started", "delta", "completed"]
        assert (turn.text, turn.attempts, (await turn.result()).text) == ("right", 2, "right")
        log = await at_rest(runtime)
        assert [r.signal.data["delta"] for r in log if r.signal.type.endswith("delta")] == ["wrong", "right"]
        assert [entry.content for entry in await runtime.conversation("c1").context()] == ["hi", "right"]


async def test_a_failure_says_what_was_tried_and_keeps_the_partial_text(journal, scripted, at_rest):
    settings = scripted([Started(), Delta("half"), Fail(BUSY)], effects={"llm": {"max_attempts": 2, "backoff_ms": 0}})
    async with open_runtime(settings, journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        with pytest.raises(GenerationFailed) as caught:
            await turn
        failure = caught.value
        assert (failure.attempts, failure.partial_text, turn.status) == (2, "half", "failed")
        assert (failure.error.category, failure.error.message, failure.error.retryable) == (
            "provider",
            "503 busy",
            True,
        )
        log = await at_rest(runtime)
        assert [r.signal.data["content"] for r in log if r.signal.type == "conv.out.assistant.failed"] == ["half"]


async def test_a_cancel_ends_it_once_and_whoever_waits_is_told(journal, scripted, at_rest):
    settings = scripted(HANGING)
    async with open_runtime(settings, journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        await first_delta(turn)
        answers, endings = [], []

        async def cancel(name):
            answers.append(await turn.cancel("enough", requested_by=name))

        async def read():
            with pytest.raises(GenerationCanceled) as caught:
                await turn.result()
            endings.append((caught.value.reason, caught.value.partial_text))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            for name in ("ada", "bob", "eve"):
                tasks.start_soon(cancel, name)
        assert sorted(answers) == [False, False, True]
        assert await turn.cancel() is False
        assert endings == [("enough", "partial")]
        assert settings is not None
        assert scripted.backend.cancels == ["ref-1"]
        log = await at_rest(runtime)
        canceled = next(r.signal for r in log if r.signal.type == "conv.effect.llm.generation.canceled")
        assert (canceled.data["backend_cancel"], canceled.data["partial_text"]) == ("ok", "partial")
        assert canceled.data["requested_by"] in ("ada", "bob", "eve")
        assert 0 <= canceled.data["cancel_latency_ms"] < 2000
        assert [r.signal.data["content"] for r in log if r.signal.type == "conv.out.assistant.canceled"] == ["partial"]


async def test_a_cancel_after_the_end_changes_nothing(journal, scripted, at_rest):
    async with open_runtime(scripted(ANSWER), journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        await turn.result()
        assert await turn.cancel() is False
        assert turn.status == "completed"
        assert not [r for r in await at_rest(runtime) if "control" in r.signal.type]


@pytest.mark.parametrize("how", ["cancel", "abort", "stop"])
async def test_what_is_canceled_at_once_ends_canceled_even_if_the_control_overtakes_the_message(
    how, journal, scripted, at_rest
):
    async with open_runtime(scripted(HANGING), journal) as runtime:
        message = {"message_id": "m1", "ingress": "test", "content": "hi"}
        batch = [
            {"type": "conv.in.message.received", "id": "m1", "data": message},
            {
                "type": f"conv.in.control.{how}_requested",
                "data": {"message_id": "x", "ingress": "control", "reason": "no"},
            },
        ]
        await runtime.ingest_many([{**raw, "subject": "c1", "contract_major": 1} for raw in batch])
        with anyio.fail_after(3):
            log = await at_rest(runtime)
        assert [r.signal.data["reason"] for r in log if r.signal.type.endswith("generation.canceled")] == ["no"]


async def test_an_abort_ends_all_of_its_conversation_and_nothing_else(journal, scripted, at_rest):
    async with open_runtime(scripted(HANGING), journal) as runtime:
        mine, other = runtime.conversation("c1"), runtime.conversation("c2")
        turns = [await mine.send("one"), await mine.send("two"), await mine.send("three")]
        left = await other.send("four")
        await first_delta(turns[0])
        await first_delta(left)
        await mine.abort("enough", requested_by="ada")
        with anyio.fail_after(3):
            for turn in turns:
                with pytest.raises(GenerationCanceled, match="enough"):
                    await turn.result()
        assert ([turn.attempts for turn in turns], left.status) == ([1, 0, 0], "running")
        assert await left.cancel()
        log = await at_rest(runtime)
        assert len([r for r in log if r.signal.type.endswith("generation.started")]) == 2
        after = await mine.send("five")
        await first_delta(after)
        assert await after.cancel()
        await at_rest(runtime)


@pytest.mark.parametrize("moment", ["together", "while it streams", "after the end", "after reopening"])
async def test_a_message_that_is_sent_twice_has_one_answer(moment, tmp_path, scripted, at_rest):
    go = anyio.Event()
    settings = scripted([Started(), Delta("one "), Wait(go), Delta("two"), Complete()], **EACH)
    path = tmp_path / "runs.sqlite"
    async with open_runtime(settings, path) as runtime:
        chat = runtime.conversation("c1")
        turns = []

        async def send():
            turns.append(await chat.send("hi", message_id="m1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            if moment == "together":
                tasks.start_soon(send)
                tasks.start_soon(send)
        if moment == "while it streams":
            await first_delta(turns[0])
            await send()
            with pytest.raises(ContractError):
                await chat.send("hi", message_id="m1", effect_policy={"max_attempts": 0})
        go.set()
        with anyio.fail_after(3):
            assert (await turns[0].result()).text == "one two"
        if moment == "after the end":
            await send()
        if moment != "after reopening":
            await check_same(turns)
        await at_rest(runtime)
    if moment == "after reopening":
        async with open_runtime(settings, path) as runtime:
            turns.append(await runtime.conversation("c1").send("hi", message_id="m1"))
            await check_same(turns)
            await at_rest(runtime)
    assert len(scripted.backend.requests) == 1


async def check_same(turns):
    stories = []
    for turn in turns:
        with anyio.fail_after(3):
            assert (await turn.result()).text == "one two"
        stories.append([])
        await kinds(turn, stories[-1])
    assert len(turns) > 1
    assert stories == [stories[0]] * len(turns)
    assert [kind for kind, _ in stories[0]] == ["started", "delta", "delta", "completed"]


class WrittenBeforeTold(MemoryJournal):
    """Keeps the answer's first text from being told until whoever sent the message again has read it."""

    blocking = True

    def __init__(self, go):
        super().__init__()
        self.go, self.written, self.read_back = go, threading.Event(), threading.Event()

    def append(self, signals):
        appended = super().append(signals)
        if any(signal.type.endswith("generation.progress") for signal in signals) and not self.written.is_set():
            self.written.set()
            assert self.read_back.wait(30)
        return appended

    def read(self, *, types=None, **where):
        if types != following.TYPES:
            return super().read(types=types, **where)
        anyio.from_thread.run_sync(self.go.set)
        assert self.written.wait(30)
        found = list(super().read(types=types, **where))
        self.read_back.set()
        return iter(found)


async def test_what_the_journal_holds_and_the_bus_has_yet_to_tell_is_heard_once(scripted, at_rest):
    go = anyio.Event()
    script = [Started(), Wait(go), Delta("one "), Delta("two"), Complete()]
    async with open_runtime(scripted(script, **EACH), WrittenBeforeTold(go)) as runtime:
        chat = runtime.conversation("c1")
        turns = []
        for _ in range(2):
            turns.append(await chat.send("hi", message_id="m1"))
            assert (await turns[-1].event(0)).kind == "started"
        for turn in turns:
            told = []
            with anyio.fail_after(30):
                await kinds(turn, told)
            assert told == [("started", ""), ("delta", "one "), ("delta", "two"), ("completed", "one two")]
        assert runtime.journal.read_back.is_set()
        await at_rest(runtime)


async def test_the_id_of_something_else_is_no_message_id(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        note = {"type": "conv.audit.note", "subject": "c1", "id": "n1", "contract_major": 1}
        await runtime.ingest({**note, "data": {"audit_id": "a", "category": "b"}})
        with pytest.raises(ContractError) as caught, anyio.fail_after(3):
            await runtime.conversation("c1").send("hi", message_id="n1")
        assert caught.value.field == "message_id"
        await at_rest(runtime)


async def test_a_watcher_that_raises_disturbs_neither_the_turn_nor_the_runtime(journal, scripted, at_rest):
    async with open_runtime(scripted(ANSWER), journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        seen = []
        turn.watch(lambda view, events: 1 // 0)
        unwatch = turn.watch(lambda view, events: seen.append([event.kind for event in events]))
        assert (await turn.result()).text == "Hello \n"
        unwatch()
        unwatch()
        assert (seen[0][0], seen[-1]) == ("started", [])
        await at_rest(runtime)


async def test_a_finished_turn_leaves_nothing_subscribed(journal, scripted, at_rest):
    backend = ScriptedBackend([[Started(), Delta("a"), Complete()]])
    async with open_runtime(scripted(backend), journal) as runtime:
        before = runtime.bus.statistics()["subscribers"]
        for number in range(20):
            turn = await runtime.conversation(f"c{number % 3}").send("hi")
            if number % 2:
                await turn.result()
            else:
                await turn.cancel()
        await at_rest(runtime)
        assert runtime.bus.statistics() == {"subscribers": before, "errors": 0}
        assert not runtime._effects._watchers
        assert not runtime._effects._lines
