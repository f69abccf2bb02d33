"""The journal in PostgreSQL keeps the contract of journals, also when several processes share it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

import jido_nb
from jido_nb.core.catalogue import MESSAGE_RECEIVED
from jido_nb.errors import JournalError
from jido_nb.journal.open import open_journal
from jido_nb.journal.postgres import PostgresJournal
from jido_nb.journal.postgres_connect import place_of
from jido_nb.journal.postgres_schema import SCHEMA_VERSION
from jido_nb.journal.postgres_writer import MAX_KEY_BYTES
from jido_nb.journal.protocol import Journal
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.builders import Storyteller, signal, story
from jido_nb.testing.journal_suite import DurableJournalContract, JournalFactory, Reopen

pytestmark = pytest.mark.needs("postgres")

NewUrl = Callable[[], str]


class TestPostgresJournal(DurableJournalContract):
    @pytest.fixture
    def journal_factory(self, postgres_url: NewUrl) -> JournalFactory:
        return lambda: PostgresJournal(postgres_url())

    @pytest.fixture
    def reopen(self, postgres: str) -> Reopen:
        def reopen(journal: Journal) -> Journal:
            journal.close()
            return PostgresJournal(f"{postgres}?schema={place_of(journal.location).schema}")

        return reopen


@pytest.fixture
def url(postgres_url: NewUrl) -> str:
    return postgres_url()


@pytest.fixture
def journal(url: str) -> Iterator[PostgresJournal]:
    with closing(PostgresJournal(url)) as journal:
        yield journal


def test_a_reader_sees_what_a_writer_committed_and_cannot_write(journal: PostgresJournal, url: str) -> None:
    told = story()
    journal.append(told[:3])
    with closing(open_journal(url, read_only=True)) as reader:
        assert [recorded.signal for recorded in reader.read()] == told[:3]
        journal.append(told[3:])
        assert [recorded.signal for recorded in reader.read()] == told
        with pytest.raises(JournalError, match="for reading only"):
            reader.append(told)


def test_a_journal_to_read_must_be_there(url: str) -> None:
    with pytest.raises(JournalError, match="there is no journal at postgresql://"):
        open_journal(url, read_only=True)


def test_a_journal_of_a_newer_version_is_refused(journal: PostgresJournal, url: str) -> None:
    with psycopg.connect(journal._place.conninfo) as connection:
        connection.execute(f"UPDATE {journal._place.schema}.meta SET version = {SCHEMA_VERSION + 1}".encode())
    with pytest.raises(JournalError, match="upgrade jido_nb"):
        open_journal(url)


def test_the_index_over_what_was_said_is_made_where_it_is_missing(journal: PostgresJournal, url: str) -> None:
    journal.append(story())
    with psycopg.connect(journal._place.conninfo, autocommit=True) as connection:
        index = f"{journal._place.schema}.said"
        connection.execute(f"DROP INDEX {index}".encode())
        for read_only in (True, False):
            with closing(open_journal(url, read_only=read_only)) as other:
                assert len(list(other.read(types=MESSAGE_RECEIVED, subject="c1"))) == 1
            (found,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (index,)).fetchone()
            assert found is not read_only


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:open-sesame@localhost:1/db", "is the server running"),
        ("postgresql://me:open-sesame@%2Fnowhere/db", "is the server running"),
    ],
)
def test_a_server_that_is_not_there_is_named_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(JournalError, match=reason) as caught:
        open_journal(url)
    assert "cannot open the journal postgresql://me@" in str(caught.value)
    assert "sesame" not in f"{caught.value!r}{caught.value.path}"


def test_a_password_is_in_no_name_of_the_journal() -> None:
    place = place_of("postgresql://me:open-sesame@localhost/db")
    assert place.location == "postgresql://me@localhost/db?schema=jido_nb"
    assert "sesame" not in repr(place)


def test_ids_that_no_index_holds_are_refused_and_nothing_is_lost(journal: PostgresJournal) -> None:
    with pytest.raises(JournalError, match=f"up to {MAX_KEY_BYTES} bytes"):
        journal.append([signal(id="ok"), signal(id="x" * MAX_KEY_BYTES)])
    journal.append([signal(id="x" * (MAX_KEY_BYTES - 10))])
    assert journal.last_seq() == 1


WRITER = """
import sys
from jido_nb.journal.open import open_journal
from jido_nb.testing.builders import signal

url, name = sys.argv[1:]
journal = open_journal(url)
for batch in range(20):
    journal.append([signal(id=f"{batch}/{place}", subject=name) for place in range(5)])
journal.close()
"""


def test_processes_that_write_at_once_leave_no_gap_and_readers_never_see_one(
    journal: PostgresJournal, url: str
) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, f"c{number}"]) for number in range(3)]
    try:
        seen = 0
        while seen < 300:
            behind = [recorded.seq for recorded in journal.read(after_seq=seen)]
            assert behind == list(range(seen + 1, seen + 1 + len(behind)))
            seen += len(behind)
            if not behind:
                assert [writer for writer in writers if writer.poll() in (None, 0)] == writers
    finally:
        for writer in writers:
            assert writer.wait(60) == 0
    for name in ("c0", "c1", "c2"):
        ids = [recorded.signal.id for recorded in journal.read(subject=name)]
        assert ids == [f"{batch}/{place}" for batch in range(20) for place in range(5)]


def test_whoever_follows_is_told_of_each_commit_in_order(journal: PostgresJournal, url: str) -> None:
    journal.append([signal(id="before")])
    heard: list[str] = []
    enough = threading.Event()

    def follow() -> None:
        with closing(open_journal(url, read_only=True)) as reader:
            assert isinstance(reader, PostgresJournal)
            for recorded in reader.follow(timeout_s=30):
                heard.append(recorded.signal.id)
                if recorded.signal.id == "last":
                    break
        enough.set()

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(20):
        journal.append([signal(id=str(number))])
    journal.append([signal(id="last")])
    assert enough.wait(30)
    thread.join(30)
    assert heard == ["before", *map(str, range(20)), "last"]


def test_following_ends_when_nothing_comes(journal: PostgresJournal) -> None:
    journal.append([signal(id="1")])
    assert [recorded.signal.id for recorded in journal.follow(timeout_s=0.05)] == ["1"]


def test_a_fork_is_told_to_open_its_own(journal: PostgresJournal) -> None:
    journal.append([signal(id="1")])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            journal.last_seq()
        except JournalError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        assert "cannot be used in a fork" in told.read()
    assert journal.last_seq() == 1


def test_frames_and_replay_are_those_of_a_file(journal: PostgresJournal, url: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    teller = Storyteller()
    told = [*teller.turn("a", retries=1), *teller.turn("b", ending="failed"), *teller.turn("a", ending="canceled")]
    journal.append(told)
    with closing(open_journal(tmp_path / "same.sqlite")) as file:
        file.append(told)
    for frame in (jido_nb.events_df, jido_nb.attempts_df, jido_nb.turns_df, jido_nb.messages_df, jido_nb.chunks_df):
        assert frame(url).equals(frame(tmp_path / "same.sqlite")), frame
    replayed = jido_nb.replay(url)
    assert replayed.identical
    assert replayed.states == jido_nb.replay(tmp_path / "same.sqlite").states


@pytest.mark.anyio
async def test_conversations_run_over_it_and_go_on_after_reopening(url: str) -> None:
    async with open_runtime({"effects": {"llm": {"backoff_ms": 0}}}, url) as runtime:
        chat = runtime.conversation("c1", model="simulated:flaky-503")
        assert (await (await chat.send("hi")).result()).text.startswith("It works")
    async with open_runtime(None, url) as runtime:
        turn = await runtime.conversation("c1", model="simulated:echo").send("again")
        assert "It works" in (await turn.result()).text
        await runtime.idle()
        assert runtime.health().problems == ()
    assert jido_nb.replay(url).identical
    assert list(jido_nb.attempts_df(url).outcome) == ["retried", "retried", "completed", "completed"]
