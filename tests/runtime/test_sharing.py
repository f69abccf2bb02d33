"""Several runtimes on one journal: each conversation has one live writer, and nobody's end is another's loss."""

import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from uuid import uuid4

import anyio
import pytest

import jido_nb
from jido_nb.core.engine import MARKER_TYPE
from jido_nb.core.replay import replay
from jido_nb.errors import JournalError
from jido_nb.journal.open import open_journal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.runtime import partition
from jido_nb.runtime.opening import open_runtime

pytestmark = pytest.mark.anyio

# Streams an answer in "c1" without end, or waits with nothing in hand; ends when it is told to, or is killed.
OTHER = """
import sys, anyio
from jido_nb.runtime.opening import open_runtime

async def main(place, work):
    async with open_runtime({"llm": {"default_model": "simulated:slow"}}, place) as runtime:
        if work == "streams":
            turn = await runtime.conversation("c1").send("one")
            await runtime.conversation("c1").send("two")
            async for event in turn:
                if event.kind == "delta":
                    break
        print("ready", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.readline)

anyio.run(main, *sys.argv[1:])
"""

# Answers in conversations of its own, as fast as it can.
BUSY = """
import sys, anyio
from jido_nb.runtime.opening import open_runtime

async def main(place, name):
    async with open_runtime({"llm": {"default_model": "simulated:burst-200"}}, place) as runtime:
        for number in range(4):
            turns = [await runtime.conversation(f"{name}-{number}-{each}").send("go") for each in range(3)]
            for turn in turns:
                await turn.result()

anyio.run(main, *sys.argv[1:])
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def place(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "runs.sqlite")
    return f"{request.getfixturevalue('server')}?schema=j{uuid4().hex}"


@contextmanager
def other(place: str, work: str):
    """Another process with a runtime on the journal."""
    command = [sys.executable, "-c", OTHER, place, work]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()
            guard.cancel()


async def answered(runtime, subject: str) -> str:
    with anyio.fail_after(20):
        return (await (await runtime.conversation(subject).send("hi")).result()).text


async def free_to_write(runtime, subject: str) -> None:
    with anyio.fail_after(20):
        while True:
            try:
                assert await answered(runtime, subject) == "hello"
                return
            except JournalError:  # it is given back a moment later
                await anyio.sleep(0.01)


async def test_a_second_runtime_of_a_process_may_write_what_the_first_does_not(place, scripted):
    async with open_runtime(scripted(), place) as first, open_runtime(scripted(), place) as second:
        assert await answered(first, "c1") == "hello"
        assert await answered(second, "c2") == "hello"
        for runtime, subject in ((second, "c1"), (first, "c2")):
            with pytest.raises(JournalError, match=f"the conversation '{subject}' of .* is in use by .*process"):
                await runtime.conversation(subject).send("mine")
            assert len(await runtime.conversation(subject).timeline()) > 0
        assert await answered(first, "c1") == "hello"
        await first.idle()
        await second.idle()
    async with open_runtime(scripted(), place) as third:
        assert third.health().recovered == 0
        assert await answered(third, "c1") == "hello"
        assert await answered(third, "c2") == "hello"
    assert jido_nb.replay(place).identical


async def test_a_symbolic_link_is_no_way_around(tmp_path, scripted):
    path, link = tmp_path / "runs.sqlite", tmp_path / "link.sqlite"
    async with open_runtime(scripted(), path) as first:
        await answered(first, "c1")
        link.symlink_to(path)
        async with open_runtime(scripted(), link) as second:
            with pytest.raises(JournalError, match="in use by another Lab or runtime of this process"):
                await second.conversation("c1").send("hi")


async def test_what_another_process_streams_is_left_to_it_and_the_message_names_it(place, scripted):
    with other(place, "streams") as process:
        async with open_runtime(scripted(), place) as runtime:
            assert runtime.health().recovered == 0
            with pytest.raises(JournalError, match=f"in use by process {process.pid} "):
                await runtime.conversation("c1").send("mine")
            batch = [
                {"type": "conv.in.message.received", "id": f"m-{subject}", "subject": subject, "contract_major": 1}
                for subject in ("c3", "c1")
            ]
            with pytest.raises(JournalError, match="in use by"):
                await runtime.ingest_many([{**raw, "data": {"message_id": raw["id"], "ingress": "x"}} for raw in batch])
            assert await answered(runtime, "c2") == "hello"
            await runtime.idle()
            left = await runtime.events(subject="c1")
            assert not [each for each in left if each.signal.type.endswith(("failed", "canceled"))]
            assert await runtime.events(subject="c3") == []


@pytest.mark.parametrize("opened", ["while it runs", "after it was killed"])
async def test_what_a_killed_process_left_is_put_in_order_by_whoever_comes_next(place, opened, scripted, log_check):
    with other(place, "streams") as process:
        if opened == "while it runs":
            async with open_runtime(scripted(), place) as runtime:
                with pytest.raises(JournalError, match="in use by"):
                    await runtime.conversation("c1").send("mine")
                process.kill()
                process.wait(20)
                with anyio.fail_after(20):
                    while True:
                        try:
                            turn = await runtime.conversation("c1").send("mine")
                            break
                        except JournalError:  # a server notices a moment later that a session is gone
                            await anyio.sleep(0.01)
                    assert (await turn.result()).text == "hello"
                await runtime.idle()
                assert runtime.health().recovered == 2
        else:
            process.kill()
            process.wait(20)
    if opened == "after it was killed":
        async with open_runtime(scripted(), place) as runtime:
            assert runtime.health().recovered == 2
            assert await answered(runtime, "c1") == "hello"
            await runtime.idle()
    with closing(open_journal(place, read_only=True)) as journal:
        log = list(journal.read())
    log_check(log)
    assert list(jido_nb.turns_df(place, subject="c1").status) == ["failed", "failed", "completed"]


async def test_conversations_that_left_memory_are_free_for_others(place, scripted, monkeypatch):
    monkeypatch.setattr(partition, "KEPT_STATES", 0)
    async with open_runtime(scripted(), place) as first, open_runtime(scripted(), place) as second:
        for runtime in (first, second, first):
            await free_to_write(runtime, "c1")
            await runtime.idle()
            other_one = second if runtime is first else first
            await answered(other_one, f"c{id(runtime)}")
    replayed = replay(list(open_records(place)))
    assert replayed.divergences == []
    assert replayed.unapplied == []


class Held(SqliteJournal):
    """Writes a marker down when it is told to."""

    def __init__(self, path) -> None:
        super().__init__(path)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def append(self, signals):
        if any(signal.type == MARKER_TYPE for signal in signals):
            self.asked.set()
            assert self.go_on.wait(60)
        return super().append(signals)


async def test_a_conversation_is_not_given_back_while_its_marker_is_still_to_be_written(
    tmp_path, scripted, monkeypatch, log_check
):
    """Whoever takes it then would find it torn, and mend it, and the marker would come behind what they wrote."""
    monkeypatch.setattr(partition, "KEPT_STATES", 0)
    path = tmp_path / "runs.sqlite"
    with closing(Held(path)) as journal:
        async with open_runtime(scripted(), journal) as first, open_runtime(scripted(), path) as second:
            try:
                turn = await first.conversation("c1").send("hi")
                assert await anyio.to_thread.run_sync(journal.asked.wait, 60)
                with pytest.raises(JournalError, match="in use by another Lab or runtime of this process"):
                    await second.conversation("c1").send("mine")
            finally:
                journal.go_on.set()
            assert (await turn.result()).text == "hello"
            await free_to_write(second, "c1")
            await second.idle()
            assert second.health().recovered == 0
        log_check(list(journal.read()))


async def test_a_signal_that_was_known_already_does_not_keep_its_conversation_from_others(place, scripted, log_check):
    async with open_runtime(scripted(), place) as runtime:
        assert await answered(runtime, "c1") == "hello"
        known = [recorded.signal for recorded in await runtime.events(types="conv.in.message.received")]
    async with open_runtime(scripted(), place) as first, open_runtime(scripted(), place) as second:
        assert [receipt.status for receipt in await first.ingest_many(known)] == ["duplicate"]
        await free_to_write(second, "c1")
    log_check(list(open_records(place)))


def open_records(place: str):
    with closing(open_journal(place, read_only=True)) as journal:
        yield from journal.read()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_processes_that_write_at_once_do_not_get_into_each_others_way(place, scripted, log_check):
    async def busy(name: str) -> None:
        done = await anyio.run_process([sys.executable, "-c", BUSY, place, name], check=False)
        assert done.returncode == 0, done.stderr.decode()

    async with open_runtime(scripted(), place), anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            tasks.start_soon(busy, name)
    log_check(list(open_records(place)))
    assert list(jido_nb.turns_df(place).status) == ["completed"] * 36
