"""Markers of conversations at rest keep the state; those of conversations with something left over do not."""

import anyio
import pytest

from jido_nb import open_runtime
from jido_nb.core import engine
from jido_nb.core.catalogue import APPLIED
from jido_nb.core.replay import replay
from jido_nb.core.snapshot import SNAPSHOT
from jido_nb.journal.continuing import last_rest
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal

pytestmark = pytest.mark.anyio

AUDIT = "conv.audit.note"


async def test_a_turn_leaves_its_conversation_with_a_state_to_go_on_from(journal, scripted):
    async with open_runtime(scripted(), journal) as runtime:
        await (await runtime.conversation("c1").send("hi")).result()
        await runtime.idle()
        last = (await runtime.events(types=APPLIED))[-1]
        assert last.signal.data[SNAPSHOT]["in_flight"] == {}
        assert last.signal.data[SNAPSHOT]["streams"]["in"] == 1
        assert replay(await runtime.events()).identical


async def test_a_conversation_goes_on_from_there_when_its_journal_is_opened_again(tmp_path, scripted):
    path = tmp_path / "runs.sqlite"
    for turn in range(3):
        async with open_runtime(scripted(), path) as runtime:
            await (await runtime.conversation("c1").send("hi")).result()
            await runtime.idle()
            health = runtime.health()
            assert (health.status, health.turns_checked) == ("ok", 1), turn
    reading = SqliteJournal(path, read_only=True)
    whole = replay(reading.read())
    reading.close()
    assert whole.identical
    assert whole.unapplied == []


async def test_nothing_says_at_rest_while_a_signal_of_the_conversation_is_left_out(tmp_path, scripted, monkeypatch):
    honest = engine.reduce

    def reduce(state, signal, seq, priority):
        if signal.id == "bad":
            raise ValueError("a rule that is wrong")
        return honest(state, signal, seq, priority)

    path = tmp_path / "runs.sqlite"
    with monkeypatch.context() as wrong:
        wrong.setattr(engine, "reduce", reduce)
        for _ in range(2):
            async with open_runtime(scripted(), path) as runtime:
                with anyio.fail_after(20):
                    await runtime.ingest(signal(AUDIT, "c1", id="good"))
                    await runtime.ingest(signal(AUDIT, "c1", id="bad"))
                    await (await runtime.conversation("c1").send("hi")).result()
                    await (await runtime.conversation("c2").send("hi")).result()
                    await runtime.idle()
                assert last_rest(runtime.journal, "c2") is not None
                at_rest = last_rest(runtime.journal, "c1")
                assert at_rest is None or at_rest.seq < runtime.journal.find("bad", "c1").seq
    # With the rule put right, the signal that was left out is applied, and the log replays as one.
    async with open_runtime(scripted(), path) as runtime:
        await runtime.idle()
        assert runtime.health().problems == ()
        assert last_rest(runtime.journal, "c1") is not None
        whole = replay(await runtime.events())
        assert (whole.divergences, whole.unapplied) == ([], [])
