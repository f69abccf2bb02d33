"""What a killed process leaves behind is put in order when the journal is opened again."""

import signal as signals
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from jido_nb.core.policy import EffectPolicy
from jido_nb.core.replay import replay
from jido_nb.journal.open import open_journal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.llm.error import GenerationFailed
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.wreckage import wreck_of
from jido_nb.testing.builders import Storyteller, signal
from jido_nb.testing.scripted_backend import Complete, Delta, Started

pytestmark = pytest.mark.anyio

# Streams in two conversations, with a third message queued; tells each seq that was acknowledged; waits to be killed.
VICTIM = """
import os, sys, anyio
from jido_nb.runtime.opening import open_runtime

async def main():
    async with open_runtime({"llm": {"default_model": "simulated:slow"}}, sys.argv[1]) as runtime:
        runtime.bus.subscribe("**", lambda recorded: os.write(1, b"%d\\n" % recorded.seq))
        first = await runtime.conversation("a").send("one")
        await runtime.conversation("a").send("two")
        second = await runtime.conversation("b").send("three")
        await runtime.ingest_tick("a", "t1", {"wait_ms": 3600000})
        for turn in (first, second):
            deltas = 0
            async for event in turn:
                deltas += event.kind == "delta"
                if deltas == 2:
                    break
        os.write(1, b"ready\\n")
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture(scope="module")
def wreck(tmp_path_factory):
    """The file of a runtime that was killed in mid-stream, as bytes by name, and the last seq it acknowledged."""
    path = tmp_path_factory.mktemp("wreck") / "runs.sqlite"
    with subprocess.Popen([sys.executable, "-c", VICTIM, str(path)], stdout=subprocess.PIPE) as victim:
        guard = threading.Timer(60, victim.kill)
        guard.start()
        told = []
        for line in victim.stdout:
            if line == b"ready\n":
                victim.send_signal(signals.SIGKILL)
            else:
                told.append(int(line))
        guard.cancel()
    assert victim.returncode == -signals.SIGKILL
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}, max(told)


@pytest.fixture
def wrecked(wreck, tmp_path):
    """A fresh copy of it: path and last acknowledged seq."""
    for name, content in wreck[0].items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / "runs.sqlite", wreck[1]


async def test_after_a_kill_nothing_acknowledged_is_lost_and_every_effect_ends(wrecked, scripted, at_rest):
    # W-8, W-9
    path, last = wrecked
    async with open_runtime(scripted([Started(), Delta("new"), Complete()]), path) as runtime:
        assert runtime.health().recovered == 4
        log = await at_rest(runtime)
        assert len(log) >= last
        failed = [r.signal for r in log if r.signal.type.endswith(".failed") and "effect" in r.signal.type]
        assert [ending.data["details"] for ending in failed] == [{"recovered": True}] * 4
        begun = [ending for ending in failed if ending.data["attempt"]]
        assert len(begun) == 3
        for ending in begun:
            if ending.data["effect_class"] == "llm":
                effect = await runtime.events(types="conv.effect.llm.**", subject=ending.subject)
                text = "".join(
                    r.signal.data.get("token_delta", "")
                    for r in effect
                    if r.signal.data["effect_id"] == ending.data["effect_id"]
                )
                assert ending.data["partial_text"] == text != ""
                assert ending.data["model"] == "slow"
        outs = [r.signal.data["content"] for r in log if r.signal.type == "conv.out.assistant.failed"]
        assert sorted(outs) == sorted(e.data["partial_text"] for e in failed if e.data["effect_class"] == "llm")
        assert scripted.backend.requests == []
        assert (scripted.opened, runtime.health().status) == (0, "ok")
        turn = await runtime.conversation("a").send("again")
        assert (await turn.result()).text == "new"
        assert [m.content for m in scripted.backend.requests[0].messages] == ["one", "two", "again"]
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_opening_a_second_time_changes_nothing(wrecked, scripted, at_rest):
    path, _ = wrecked
    async with open_runtime(scripted(), path) as runtime:
        before = await runtime.events()
    async with open_runtime(scripted(), path) as runtime:
        assert runtime.health().recovered == 0
        assert await runtime.events() == before
        await at_rest(runtime)


async def test_a_crash_while_recovering_is_recovered_from(wrecked, scripted, at_rest):
    path, _ = wrecked
    with closing(SqliteJournal(path)) as journal:  # one ending was written, and then the lights went out again
        (cut, lifecycle, facts), *_ = wreck_of(journal, lambda start: EffectPolicy(), 1).lost
        journal.append([cut.ending(lifecycle, 1, facts, {})])
    async with open_runtime(scripted(), path) as runtime:
        assert runtime.health().recovered == 3
        await at_rest(runtime)


TOLD = Storyteller().turn(ending="none")


@pytest.mark.parametrize("cut", range(1, len(TOLD) + 1))
async def test_wherever_the_log_stops_it_is_applied_ended_and_replays(cut, journal, scripted, at_rest):
    with closing(open_journal(journal)) as before:
        before.append([each for each in TOLD[:cut] if not each.type.startswith("conv.applied")])
        if journal is None:
            before.close = lambda: None
        async with open_runtime(scripted(), before if journal is None else journal) as runtime:
            assert runtime.health().recovered == 1
            log = await at_rest(runtime)
            assert replay(log).unapplied == []
            again = await runtime.conversation("c1").send("?", message_id="m1")
            with pytest.raises(GenerationFailed, match="process ended") as caught:
                await again.result()
            assert caught.value.error.details == {"recovered": True}
            assert scripted.backend.requests == []


async def test_a_message_whose_answer_never_began_fails_as_recovered(tmp_path, scripted, at_rest):
    path = tmp_path / "runs.sqlite"
    with closing(SqliteJournal(path)) as before:
        before.append([signal(id="m1", content="hi"), signal("conv.in.timer.tick", id="t1", wait_ms=5)])
    async with open_runtime(scripted(), path) as runtime:
        log = await at_rest(runtime)
        ended = {r.signal.data["effect_id"]: r.signal.data for r in log if r.signal.type.endswith(".failed")}
        assert ended.keys() == {"llm-generation-m1", "timer-wait-t1"}
        assert ended["llm-generation-m1"]["attempt"] == 0
