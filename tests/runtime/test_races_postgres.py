"""Many write one journal on a server at once: whoever follows reads every signal in one order, and misses none."""

import subprocess
import sys
import threading
from contextlib import closing
from uuid import uuid4

import anyio
import pytest

import jido_nb
from jido_nb.errors import JournalError
from jido_nb.journal.open import open_journal
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.builders import signal
from jido_nb.testing.crash_nursery import Order

pytestmark = pytest.mark.needs("postgres")

WRITERS, SIGNALS = 4, 2000

# Answers in conversations of its own until the journal holds so many signals of them.
WRITER = """
import sys, anyio
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.crash_scenarios import settings_for, telling
from jido_nb.testing.scripted_backend import Complete, Delta, Started

ANSWER = [Started("ref"), *(Delta(f"{number} ") for number in range(60)), Complete()]

async def main(place, name, signals):
    with telling([ANSWER], lambda *facts: None):
        async with open_runtime(settings_for("fail"), place) as runtime:
            wrote = []
            runtime.bus.subscribe("**", wrote.append)
            while len(wrote) < signals:
                turns = [await runtime.conversation(f"{name}-{each}").send("go") for each in range(3)]
                for turn in turns:
                    await turn.result()
    print(len(wrote))

anyio.run(main, *sys.argv[1:3], int(sys.argv[3]))
"""


@pytest.fixture
def place(server):
    return f"{server}?schema=j{uuid4().hex}"


class Follower(threading.Thread):
    """Reads a journal from its beginning, and all that is committed while it reads, up to the signal `last`."""

    def __init__(self, place):
        super().__init__()
        self.place, self.heard, self.half = place, [], threading.Event()

    def run(self):
        with (
            closing(open_journal(self.place, read_only=True)) as journal,
            closing(journal.follow(timeout_s=60)) as news,
        ):
            for recorded in news:
                self.heard.append((recorded.seq, recorded.signal.subject, recorded.signal.id))
                if len(self.heard) == SIGNALS:
                    self.half.set()
                if recorded.signal.id == "last":
                    return


def test_whoever_follows_while_four_processes_write_reads_all_of_it_in_one_order(place):
    with closing(open_journal(place)) as journal:
        early, late = Follower(place), Follower(place)
        early.start()
        command = [sys.executable, "-c", WRITER, place]
        writers = [
            subprocess.Popen([*command, f"w{number}", str(SIGNALS)], stdout=subprocess.PIPE)
            for number in range(WRITERS)
        ]
        try:
            assert early.half.wait(60)
            late.start()
            wrote = [int(writer.communicate(timeout=120)[0]) for writer in writers]
        finally:
            for writer in writers:
                writer.kill()
                writer.communicate()
            journal.append([signal("conv.audit.note", "end", id="last")])
            for follower in (early, late):
                if follower.ident is not None:
                    follower.join(60)
        assert [writer.returncode for writer in writers] == [0] * WRITERS
        assert min(wrote) >= SIGNALS
        log = [(recorded.seq, recorded.signal.subject, recorded.signal.id) for recorded in journal.read()]
    assert [seq for seq, _, _ in log] == list(range(1, sum(wrote) + 2))
    assert early.heard == log
    assert late.heard == log
    replayed = jido_nb.replay(place)
    assert replayed.identical
    assert replayed.unapplied == 1  # the last one, which nobody applies


@pytest.mark.parametrize("point", ["journal.begun", "journal.written", "journal.committed", "ingest.published"])
def test_two_want_the_conversation_of_a_process_that_was_just_killed_and_one_gets_it_mended(
    point, place, scripted, nursery, log_check
):
    """Nobody waits until the server has noticed: they ask until it is free."""

    async def ask(runtime, subject, winners):
        while not winners:
            try:
                turn = await runtime.conversation(subject).send("mine")
            except JournalError:  # the dead one has it still, or the other one by now
                await anyio.sleep(0.005)
            else:
                winners.append(runtime)
                assert (await turn.result()).text == "hello"

    async def contend():
        async with open_runtime(scripted(), place) as first, open_runtime(scripted(), place) as second:
            for subject in ("a", "b"):
                winners = []
                with anyio.fail_after(60):
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(ask, first, subject, winners)
                        tasks.start_soon(ask, second, subject, winners)
                (winner,) = winners
                with pytest.raises(JournalError, match="in use by"):
                    await (second if winner is first else first).conversation(subject).send("mine")
            await first.idle()
            await second.idle()
            return await first.events()

    assert nursery.live(Order("streaming", place, "fail", point, 4)).code < 0
    log = anyio.run(contend)
    log_check(log)
    endings = [r.signal.data["lifecycle"] for r in log if r.signal.type.endswith((".completed", ".failed"))]
    assert "failed" in endings
