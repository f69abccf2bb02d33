"""What enters the log: checked, written, then published; refused whole."""

import anyio
import pytest

from jido_nb.core import engine
from jido_nb.core.replay import replay
from jido_nb.errors import ClosedError, ContractError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.builders import signal
from jido_nb.testing.scripted_backend import Delta, Started, Wait

pytestmark = pytest.mark.anyio

AUDIT = "conv.audit.note.taken"
ABORT = "conv.in.control.abort_requested"


def note(id=None, subject="c1", **more):
    raw = {"type": AUDIT, "subject": subject, "contract_major": 1, "data": {"audit_id": "a", "category": "test"}}
    return raw | ({"id": id} if id else {}) | more


def message(id="m1", subject="c1", **data):
    data = {"message_id": id, "ingress": "test", "content": "hi", **data}
    return {"id": id, "type": "conv.in.message.received", "subject": subject, "contract_major": 1, "data": data}


BROKEN = {
    "no mapping": ([], "signal"),
    "no type": (note(type=None), "type"),
    "strange stream": (note(type="mail.in"), "type"),
    "no subject": (note(subject=None), "subject"),
    "no contract": (note(contract_major=None), "contract_major"),
    "payload key": (note(data={"audit_id": "a"}), "data.category"),
    "unknown cause": (note(extensions={"contract_major": 1, "cause_id": "nobody"}), "cause_id"),
    "policy part": (message(effect_policy={"max_atempts": 3}), "effect_policy.max_atempts"),
    "policy text": (message(effect_policy={"max_attempts": "3"}), "effect_policy.max_attempts"),
    "policy list": (message(effect_policy=[3]), "effect_policy"),
    "policy bounds": (message(effect_policy={"timeout_ms": 0}), "effect_policy.timeout_ms"),
    "backend": (message(llm={"backend": "nope"}), "llm.backend"),
    "llm key": (message(llm={"modle": "m"}), "llm.modle"),
    "llm text": (message(llm="m"), "llm"),
    "defaults": (message(conversation_defaults={"llm": {"stream": "yes"}}), "conversation_defaults.llm.stream"),
    "simulation": (message(simulate_effect={"force_fail_attempts": 1}), "simulate_effect"),
}


@pytest.mark.parametrize(("raw", "field"), BROKEN.values(), ids=BROKEN)
async def test_what_breaks_the_contract_is_refused_with_its_field_and_nothing_is_written(raw, field, scripted):
    # W-22, W-48: overrides and policies are data from outside; a bad one disturbs nothing else.
    async with open_runtime(scripted()) as runtime:
        with pytest.raises(ContractError) as caught:
            await runtime.ingest(raw)
        assert caught.value.field == field
        with pytest.raises(ContractError):
            await runtime.ingest_many([note("n1"), raw, note("n2")])
        assert await runtime.events() == []
        assert (await runtime.ingest(note("n1"))).status == "published"


async def test_a_batch_is_written_in_order_and_may_hold_its_own_causes(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        batch = [note("n0"), *(note(f"n{i}", cause_id=f"n{i - 1}") for i in range(1, 2500))]
        receipts = await runtime.ingest_many(batch)
        assert [receipt.seq for receipt in receipts] == list(range(1, 2501))
        log = await at_rest(runtime)
        assert [r.signal.id for r in log if r.signal.type == AUDIT] == [raw["id"] for raw in batch]


async def test_the_same_signal_again_is_a_duplicate_whatever_it_holds_also_after_reopening(tmp_path, scripted, at_rest):
    other = note("n1", data={"audit_id": "b", "category": "other"})
    async with open_runtime(scripted(), tmp_path / "runs.sqlite") as runtime:
        first = await runtime.ingest(note("n1"))
        again = await runtime.ingest(other)
        assert (first.status, again.status) == ("published", "duplicate")
        assert (again.seq, again.signal.data["audit_id"]) == (first.seq, "a")
        await at_rest(runtime)
    async with open_runtime(scripted(), tmp_path / "runs.sqlite") as runtime:
        again = await runtime.ingest(other)
        assert (again.status, again.seq, again.signal.data["audit_id"]) == ("duplicate", first.seq, "a")
        await at_rest(runtime)


async def test_the_same_id_in_two_conversations_is_two_signals_and_two_effects(journal, scripted, at_rest):
    # W-6
    async with open_runtime(scripted(), journal) as runtime:
        turns = [await runtime.conversation(name).send("hi", message_id="m1") for name in ("a", "b")]
        with anyio.fail_after(5):
            assert [(await turn.result()).text for turn in turns] == ["hello", "hello"]
        await at_rest(runtime)
        assert len(await runtime.events("conv.effect.llm.generation.completed")) == 2


async def test_a_cause_may_be_in_another_conversation_a_marker_or_from_before_a_restart(tmp_path, scripted, at_rest):
    # W-7: upstream each of these waits for ever.
    async with open_runtime(scripted(), tmp_path / "runs.sqlite") as runtime:
        await runtime.ingest(note("old", subject="a"))
        await runtime.idle()
        marker = (await runtime.events("conv.applied.**"))[0].signal.id
    async with open_runtime(scripted(), tmp_path / "runs.sqlite") as runtime:
        for number, cause in enumerate(("old", marker)):
            for subject in ("a", "b"):
                receipt = await runtime.ingest(note(f"{subject}{number}", subject=subject), cause_id=cause)
                assert receipt.signal.cause_id == cause
        with anyio.fail_after(5):
            log = await at_rest(runtime)
        assert len(log) > 6


async def test_an_abort_with_a_cause_that_nobody_knows_cancels_all_the_same(journal, scripted, at_rest):
    async with open_runtime(scripted([Started(), Delta("a"), Wait()]), journal) as runtime:
        turn = await runtime.conversation("c1").send("hi")
        async for event in turn:
            if event.kind == "delta":
                receipt = await runtime.ingest_abort("c1", "a1", {"reason": "enough"}, cause_id="nobody")
                assert receipt.signal.cause_id is None
        assert (turn.status, turn.text) == ("canceled", "a")
        canceled = (await runtime.events("conv.effect.**.canceled"))[0].signal
        assert (canceled.data["reason"], canceled.cause_id) == ("enough", receipt.signal.id)
        await at_rest(runtime)


async def test_a_signal_is_in_the_journal_before_any_subscriber_hears_of_it(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        heard, missing = [], []

        def hear(recorded):
            heard.append(recorded.seq)
            if runtime.journal.find(recorded.signal.id, recorded.signal.subject) != recorded:
                missing.append(recorded)

        runtime.bus.subscribe("**", hear)
        await (await runtime.conversation("c1").send("hi")).result()
        log = await at_rest(runtime)
        assert (heard, missing) == ([r.seq for r in log], [])


class FullJournal(MemoryJournal):
    """A journal that holds `room` batches and then refuses, as a full disk does."""

    def __init__(self, room, blocking=False):
        super().__init__()
        self.room, self.blocking = room, blocking

    def append(self, signals):
        if self.room == 0:
            raise JournalError("no space left", path="memory")
        self.room -= 1
        return super().append(signals)


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("room", range(7))
async def test_a_journal_that_refuses_ends_everybodys_wait_and_closing_is_bounded(room, blocking, scripted):
    full = FullJournal(room, blocking)
    ended = []
    with anyio.fail_after(4):
        async with open_runtime(scripted([Started(), Delta("a"), Wait()]), full) as runtime:
            turns = []
            for name in ("a", "a", "b"):
                try:
                    turns.append(await runtime.conversation(name).send("hi"))
                except JournalError as error:
                    ended.append(str(error))

            async def follow(turn):
                try:
                    await turn.result()
                except JournalError as error:
                    ended.append(str(error))

            async with anyio.create_task_group() as readers:
                for turn in turns:
                    readers.start_soon(follow, turn)
                full.room = 0
                with pytest.raises(JournalError, match="no space"):
                    await runtime.ingest(note())
                for turn in turns:
                    await turn.cancel()
            assert len(ended) == 3
            with pytest.raises(JournalError, match="no space"):
                await runtime.ingest_many([note(), note()])
            health = runtime.health()
            assert (health.status, health.in_flight) == ("degraded", 0)
            assert "no space left" in repr(health)
    with pytest.raises((JournalError, ClosedError)):
        await runtime.ingest(note())


async def test_a_closed_runtime_refuses_at_once(journal, scripted):
    async with open_runtime(scripted(), journal) as runtime:
        chat = runtime.conversation("c1")
    for late in (runtime.ingest(note()), chat.send("hi"), runtime.events(), runtime.ingest_many([note()])):
        with pytest.raises(ClosedError), anyio.fail_after(1):
            await late
    assert runtime.health().status == "closed"


@pytest.fixture
def a_wrong_rule(monkeypatch):
    """The reducer cannot take the signal `bad`."""
    honest = engine.reduce

    def reduce(state, signal, seq, priority):
        if signal.id == "bad":
            raise ValueError("a rule that is wrong")
        return honest(state, signal, seq, priority)

    monkeypatch.setattr(engine, "reduce", reduce)


def put_after_the_answer(runtime, last):
    """`last` is on its way when all else about the answer has been applied, so the conversation rests with it."""
    runtime.bus.subscribe("conv.out.assistant.completed", lambda recorded: runtime._ingest.put(last))


async def test_a_signal_that_cannot_be_applied_is_set_aside_and_the_others_go_on(journal, scripted, a_wrong_rule):
    async with open_runtime(scripted(), journal) as runtime:
        put_after_the_answer(runtime, signal(AUDIT, "c1", id="bad"))
        with anyio.fail_after(3):
            for _ in range(2):
                assert (await (await runtime.conversation("c1").send("hi")).result()).text == "hello"
            await runtime.idle()
        assert (runtime.health().status, runtime.health().waiting) == ("degraded", 0)
        assert "1 signals could not be applied" in repr(runtime.health())
        assert [r.signal.id for r in replay(await runtime.events()).unapplied] == ["bad"]


async def test_an_answer_that_a_duplicate_follows_comes_to_rest(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        await runtime.ingest(note("n1"))
        put_after_the_answer(runtime, signal(AUDIT, "c1", id="n1"))
        with anyio.fail_after(3):
            for _ in range(2):
                assert (await (await runtime.conversation("c1").send("hi")).result()).text == "hello"
        await at_rest(runtime)


async def test_a_subscriber_that_raises_disturbs_nobody(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        heard = []
        runtime.bus.subscribe("conv.**", lambda recorded: 1 // 0)
        stop = runtime.bus.subscribe("conv.audit.**", lambda recorded: heard.append(recorded.seq))
        await runtime.ingest(note())
        stop()
        stop()
        await runtime.ingest(note())
        await runtime.idle()
        assert heard == [1]
        assert "subscriber callbacks raised" in repr(runtime.health())


async def test_signals_may_be_given_as_signals(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        given = signal(AUDIT, "c1", id="n1")
        assert (await runtime.ingest(given)).signal == given
        await at_rest(runtime)


async def test_what_is_put_when_nobody_writes_any_more_is_refused_at_once(scripted):
    done = []
    async with open_runtime(scripted(), None) as runtime:
        ingest = runtime._ingest
    await ingest.flush()  # nothing was lost
    ingest.put(signal(AUDIT), lambda: done.append(True))
    assert done == [True]
    with anyio.fail_after(30), pytest.raises(ClosedError):
        await ingest.flush()
