"""A server that ends sessions, refuses, forbids or runs full: the error says so, and what was appended is there."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from uuid import uuid4

import psycopg
import pytest

from jido_nb.core.catalogue import MESSAGE_RECEIVED
from jido_nb.errors import JournalError
from jido_nb.journal import postgres_session
from jido_nb.journal.claims import claims_of
from jido_nb.journal.commit_points import watching
from jido_nb.journal.newest import newest
from jido_nb.journal.open import open_journal
from jido_nb.journal.postgres import PostgresJournal
from jido_nb.testing.builders import signal

from .postgres_server import STRANGER, Server, running_server

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def admin(server: Server) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def name() -> str:
    """A schema, and a role, of this test's own."""
    return f"j{uuid4().hex[:16]}"


@pytest.fixture
def url(server: Server, name: str) -> str:
    return f"{server.url}?schema={name}"


@pytest.fixture
def journal(url: str) -> Iterator[PostgresJournal]:
    with closing(PostgresJournal(url)) as journal:
        yield journal


def end_sessions(admin: "psycopg.Connection[tuple[object, ...]]", which: str = "jido_nb%") -> None:
    """End all sessions of that name, and return when they are gone."""
    admin.execute(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name LIKE %s", (which,)
    )


def ids(journal: PostgresJournal) -> list[str]:
    return [recorded.signal.id for recorded in journal.read()]


def test_sessions_that_ended_between_two_batches_are_made_again_and_nobody_notices(journal, admin):
    journal.append([signal(id="1")])
    assert ids(journal) == ["1"]
    end_sessions(admin)
    assert ids(journal) == ["1"]
    end_sessions(admin)
    assert [entry.recorded.seq for entry in journal.append([signal(id="2")])] == [2]
    assert ids(journal) == ["1", "2"]


@pytest.mark.parametrize("point", ["journal.begun", "journal.written"])
def test_a_session_that_ends_within_a_batch_loses_nothing_and_writes_nothing_twice(journal, admin, point):
    """Before the commit is sent the batch is written anew; after that nobody knows, so it is refused."""
    journal.append([signal(id="1")])
    passed = []

    def end_it_once(reached: str) -> None:
        if reached == point and not passed:
            passed.append(point)
            end_sessions(admin, "jido_nb process%")

    with watching(end_it_once):
        if point == "journal.begun":
            assert [entry.recorded.seq for entry in journal.append([signal(id="2"), signal(id="3")])] == [2, 3]
        else:
            with pytest.raises(JournalError, match="ended while a batch was committed"):
                journal.append([signal(id="2"), signal(id="3")])
            # Whoever asks again gets it in, once, whichever way it had gone.
            journal.append([signal(id="2"), signal(id="3")])
    assert passed == [point]
    assert ids(journal) == ["1", "2", "3"]


def test_a_claim_lives_on_in_the_session_that_is_made_anew(journal, admin, url):
    with (
        closing(claims_of(journal)) as claims,
        closing(open_journal(url)) as other,
        closing(claims_of(other)) as others,
    ):
        assert claims.claim("c1") is None
        journal.append([signal(id="1", subject="c1")])
        end_sessions(admin, "jido_nb process%")
        journal.append([signal(id="2", subject="c1")])
        assert "process" in (others.claim("c1") or "")


@pytest.mark.parametrize("still_there", [True, False], ids=["who has it still", "who has gone again"])
def test_whoever_lost_a_claim_to_another_writes_no_more(journal, admin, url, still_there, monkeypatch):
    monkeypatch.setattr(postgres_session, "RELEASE_LIMIT_S", 0.05)
    with closing(claims_of(journal)) as claims:
        assert claims.claim("c1") is None
        journal.append([signal(id="1", subject="c1")])
        with closing(open_journal(url)) as other, closing(claims_of(other)) as others:
            end_sessions(admin, "jido_nb process%")
            assert others.claim("c1") is None
            other.append([signal(id="theirs", subject="c1")])
            if still_there:
                with pytest.raises(JournalError, match="'c1' is in use by process"):
                    journal.append([signal(id="2", subject="c1")])
        with pytest.raises(JournalError, match="'c1' was written by somebody else"):
            journal.append([signal(id="2", subject="c1")])
    assert ids(journal) == ["1", "theirs"]


def test_a_server_that_was_started_again_is_gone_on_with(journal, server, url):
    journal.append([signal(id="1")])
    assert ids(journal) == ["1"]
    server.stop()
    try:
        for use in (lambda: journal.append([signal(id="2")]), journal.last_seq, lambda: open_journal(url)):
            with pytest.raises(JournalError, match="is the server running"):
                use()
    finally:
        server.start()
    assert ids(journal) == ["1"]
    assert [entry.recorded.seq for entry in journal.append([signal(id="2")])] == [2]
    assert ids(journal) == ["1", "2"]


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [
        (f"{STRANGER}:wrong-sesame", "postgres", "the password is wrong or missing"),
        (STRANGER, "postgres", "the password is wrong or missing"),
        ("nobody:wrong-sesame", "postgres", "no such user"),
        ("postgres:wrong-sesame", "nowhere", "no such database"),
    ],
)
def test_whoever_is_not_let_in_is_told_why_and_not_the_password(server, admin, user, database, reason, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    admin.execute(f"DROP ROLE IF EXISTS {STRANGER}; CREATE ROLE {STRANGER} LOGIN PASSWORD 'open-sesame'")
    with pytest.raises(JournalError, match=reason) as caught:
        open_journal(server.url_of(user, database))
    assert "sesame" not in f"{caught.value}{caught.value!r}{caught.value.path}"
    assert caught.value.__cause__ is None


@pytest.fixture
def role(admin, name) -> Iterator[Callable[..., None]]:
    """role("GRANT …"): a role of the test's name, which may do that."""
    admin.execute(f"CREATE ROLE {name} LOGIN")

    def may(*grants: str) -> None:
        for grant in grants:
            admin.execute(f"{grant} TO {name}")

    yield may
    admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_user_without_rights_is_told_so_when_the_journal_is_opened(journal, admin, server, name, role):
    journal.append([signal(id="1")])
    theirs = f"{server.url_of(name)}?schema={name}"
    for read_only, reason in ((False, "this user may not do that; grant it"), (True, "or this user may not see it")):
        with pytest.raises(JournalError, match=reason):
            open_journal(theirs, read_only)
    role(f"GRANT USAGE ON SCHEMA {name}", f"GRANT SELECT ON ALL TABLES IN SCHEMA {name}")
    with pytest.raises(JournalError, match=r"this user may not do that.*read_only=True"):
        open_journal(theirs)
    with closing(open_journal(theirs, read_only=True)) as reader:
        assert ids(reader) == ["1"]
    role(f"GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA {name}")
    with closing(open_journal(theirs)) as writer:
        writer.append([signal(id="2")])
        assert writer.unfinished_effects() != []
    assert ids(journal) == ["1", "2"]
    admin.execute(f"DROP INDEX {name}.said")
    with closing(open_journal(theirs)) as writer:
        writer.append([signal(id="3")])
        assert [each.signal.id for each in newest(writer, [MESSAGE_RECEIVED], "c1", 2)] == ["2", "3"]


@contextmanager
def read_only_database(admin, server: Server) -> Iterator[None]:
    admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        yield
    finally:
        with psycopg.connect(server.url_of("postgres", "template1"), autocommit=True) as other:
            other.execute("ALTER DATABASE postgres RESET default_transaction_read_only")


def test_a_database_that_is_read_only_can_be_read_and_says_so(journal, admin, server, url):
    journal.append([signal(id="1")])
    with read_only_database(admin, server):
        with pytest.raises(JournalError, match=r"is read only.*read_only=True"):
            open_journal(url)
        with pytest.raises(JournalError, match="is read only"):
            open_journal(url + "_new")
        with closing(open_journal(url, read_only=True)) as reader:
            assert ids(reader) == ["1"]
        end_sessions(admin)
        with pytest.raises(JournalError, match="is read only"):
            journal.append([signal(id="2")])
    end_sessions(admin)
    journal.append([signal(id="2")])
    assert ids(journal) == ["1", "2"]


def test_a_limit_of_time_of_the_servers_refuses_the_batch_and_the_next_one_is_written(
    journal, admin, server, name, role
):
    role(f"GRANT USAGE ON SCHEMA {name}", f"GRANT ALL ON ALL TABLES IN SCHEMA {name}")
    admin.execute(f"ALTER ROLE {name} SET statement_timeout = '50ms'")
    with closing(open_journal(f"{server.url_of(name)}?schema={name}")) as hurried:
        admin.execute("SELECT pg_advisory_lock(%s)", (journal._place.lock,))
        with pytest.raises(JournalError, match="statement_timeout; raise that"):
            hurried.append([signal(id="1")])
        admin.execute("SELECT pg_advisory_unlock(%s)", (journal._place.lock,))
        hurried.append([signal(id="2")])
    assert ids(journal) == ["2"]


def test_a_user_whose_transactions_are_stricter_by_habit_writes_all_the_same(journal, admin, server, name, role):
    """Under those a writer would not see what came while it waited for its turn."""
    role(f"GRANT USAGE ON SCHEMA {name}", f"GRANT ALL ON ALL TABLES IN SCHEMA {name}")
    admin.execute(f"ALTER ROLE {name} SET default_transaction_isolation = 'serializable'")
    with closing(open_journal(f"{server.url_of(name)}?schema={name}")) as strict:
        strict.append([signal(id="0")])
        threads = [Thread(target=journal.append, args=([signal(id=f"a{n}")],)) for n in range(20)]
        for thread in threads:
            thread.start()
        for n in range(20):
            strict.append([signal(id=f"b{n}")])
        for thread in threads:
            thread.join(30)
    assert len(ids(journal)) == journal.last_seq() == 41


def test_a_disk_of_the_servers_that_is_full_refuses_the_batch_and_says_so(journal, admin, name):
    journal.append([signal(id="1")])
    # What the server says when a table cannot grow, at the place where it would say it.
    admin.execute(
        f"""
        CREATE FUNCTION {name}.full() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk AFTER INSERT ON {name}.signals EXECUTE FUNCTION {name}.full()
        """
    )
    with pytest.raises(JournalError, match="the server's disk is full; free some space"):
        journal.append([signal(id="2"), signal(id="3")])
    assert ids(journal) == ["1"]
    admin.execute(f"DROP TRIGGER full_disk ON {name}.signals")
    assert [entry.recorded.seq for entry in journal.append([signal(id="2")])] == [2]
