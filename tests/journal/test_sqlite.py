"""The journal in a SQLite file keeps the contract of journals, and what only a file can keep."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from jido_nb.core.catalogue import MESSAGE_RECEIVED
from jido_nb.errors import JournalError
from jido_nb.journal import sqlite_connect
from jido_nb.journal.protocol import Journal
from jido_nb.journal.sql_statements import SAID_TYPES
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal, story
from jido_nb.testing.journal_suite import DurableJournalContract, JournalFactory, Reopen


class TestSqliteJournal(DurableJournalContract):
    @pytest.fixture
    def journal_factory(self, tmp_path: Path) -> JournalFactory:
        numbers = count()
        return lambda: SqliteJournal(tmp_path / f"journal-{next(numbers)}.sqlite")

    @pytest.fixture
    def reopen(self) -> Reopen:
        def reopen(journal: Journal) -> Journal:
            journal.close()
            return SqliteJournal(journal.location)

        return reopen


class TestSqliteJournalWithFullSync(TestSqliteJournal):
    @pytest.fixture
    def journal_factory(self, tmp_path: Path) -> JournalFactory:
        numbers = count()
        return lambda: SqliteJournal(tmp_path / f"journal-{next(numbers)}.sqlite", synchronous="FULL")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs of täst #1?.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal(path)) as journal:
        yield journal


def test_a_reader_sees_what_a_writer_committed_while_it_goes_on_writing(journal: SqliteJournal, path: Path) -> None:
    told = story()
    journal.append(told[:3])
    with closing(SqliteJournal(path, read_only=True)) as reader:
        assert [recorded.signal for recorded in reader.read()] == told[:3]
        journal.append(told[3:])
        assert [recorded.signal for recorded in reader.read()] == told


def test_a_reader_does_not_keep_the_log_from_being_folded_back(journal: SqliteJournal, path: Path) -> None:
    journal.append([signal(id=str(number)) for number in range(1000)])
    reading = journal.read()
    next(reading)
    with closing(sqlite3.connect(path)) as other:
        busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not busy
    assert len(list(reading)) == 999


def test_a_reader_cannot_append(journal: SqliteJournal, path: Path) -> None:
    with (
        closing(SqliteJournal(path, read_only=True)) as reader,
        pytest.raises(JournalError, match="opened for reading only"),
    ):
        reader.append([signal()])
    assert journal.last_seq() == 0


def test_two_journals_over_one_file_count_on_together(journal: SqliteJournal, path: Path) -> None:
    with closing(SqliteJournal(path)) as other:
        seqs = [each.append([signal(id=str(n))])[0].recorded.seq for n, each in enumerate([journal, other] * 3)]
        assert seqs == [1, 2, 3, 4, 5, 6]
        assert other.append([signal(id="0")])[0].duplicate


def test_columns_hold_what_people_filter_on(journal: SqliteJournal, path: Path) -> None:
    journal.append(story(retries=1))
    query = """
        SELECT stream, effect_class, lifecycle, status, attempt, backend, provider, model, cause_id, covered
        FROM signals WHERE type = ? ORDER BY seq
    """
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute(query, ("conv.effect.llm.generation.progress",)).fetchall()
        markers = other.execute(query, ("conv.applied.event.applied",)).fetchall()
        (category,) = other.execute(
            "SELECT body ->> '$.error_category' FROM signals WHERE status = 'retrying'"
        ).fetchone()
        (counted,) = other.execute("SELECT signals - markers FROM conversations").fetchone()
    assert rows[1] == ("effect", "llm", "progress", "retrying", 1, "jido_ai", "simulated", "story", "m1", 0)
    assert category == "provider"
    assert sum(marker[-1] for marker in markers) == counted


@pytest.mark.parametrize(
    "data",
    [
        {"attempt": "two", "model": ["a"], "status": {"x": 1}, "backend": 3},
        {"attempt": 2**70, "model": None, "status": False, "backend": 0.5},
        {"attempt": True, "effect_id": 7},
    ],
)
def test_values_of_the_wrong_kind_leave_their_column_empty(journal: SqliteJournal, path: Path, data: dict) -> None:
    told = signal("conv.effect.llm.generation.progress", **data)
    journal.append([told])
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT attempt, model, status, backend FROM signals").fetchone() == (None,) * 4
    assert next(journal.read()).signal == told


@pytest.mark.parametrize(
    "extensions",
    [
        {},
        {"contract_major": "1"},
        {"contract_major": True},
        {"cause_id": None},
        {"cause_id": 7},
        {"a": {"b": [1, None]}},
    ],
)
def test_extensions_come_back_as_they_were(journal: SqliteJournal, extensions: dict) -> None:
    told = signal(extensions=extensions)
    journal.append([told])
    back = next(journal.read()).signal.extensions
    assert back == told.extensions
    assert {key: type(value) for key, value in back.items()} == {k: type(v) for k, v in told.extensions.items()}


def test_a_value_that_cannot_be_stored_fails_its_batch_and_nothing_else(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="cannot be stored"):
        journal.append([signal(id="fine"), signal(id="lone \ud800")])
    with pytest.raises(JournalError, match="cannot be stored"):
        journal.append([signal(id="fine"), signal(id="late", time_us=2**70)])
    assert list(journal.read()) == []
    assert journal.append([signal(id="fine")])[0].recorded.seq == 1


def test_a_full_disk_fails_the_batch_says_so_and_goes_on_when_there_is_room(journal: SqliteJournal, path: Path) -> None:
    journal.append([signal(id="before")])
    # SQLite's own limit on the size of the file stands in for the disk's: the fault takes the same way.
    writer = journal._writer
    assert writer is not None
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="the disk is full; free some space") as refused:
        journal.append([signal(id=str(number), content="x" * 5000) for number in range(100)])
    assert refused.value.path == str(path)
    assert [recorded.signal.id for recorded in journal.read()] == ["before"]
    writer.execute("PRAGMA max_page_count = 1000000")
    assert journal.append([signal(id="after")])[0].recorded.seq == 2


@pytest.mark.parametrize(
    "question",
    [
        {"subject": "c1"},
        {"effect_id": "llm-generation-m1"},
        {"effect_id": "llm-generation-m1", "subject": "c1", "types": "conv.effect.**"},
        {"subject": "c1", "types": ["conv.in.**", "conv.out.**"]},
        {"subject": "c1", "types": "conv.in.message.received", "newest_first": True, "limit": 1},
        {"types": "conv.in.message.received"},
        {"types": "conv.in.message.received", "newest_first": True, "limit": 1},
    ],
)
def test_a_filtered_read_uses_an_index_and_never_sorts(journal: SqliteJournal, question: dict) -> None:
    journal.append(story())
    assert _plan_of(journal, lambda: list(journal.read(**question))) == {"SEARCH"}


@pytest.mark.parametrize("type", sorted(SAID_TYPES))
def test_to_find_what_was_said_last_nobody_walks_over_what_was_streamed(journal: SqliteJournal, type: str) -> None:
    told = [each for each in story(chunks=["word "] * 1000) if each.type not in SAID_TYPES]
    steps = []
    for part in (told[:20], told[20:]):
        journal.append(part)
        journal.last_seq()
        reader, done = journal._readers[-1], []
        reader.set_progress_handler(lambda done=done: done.append(1), 1)
        assert list(journal.read(types=type, subject="c1", newest_first=True, limit=5)) == []
        reader.set_progress_handler(None, 1)
        steps.append(len(done))
    assert steps[0] == steps[1] > 0


def test_a_journal_without_the_index_over_what_was_said_is_read_as_it_is_and_gets_it_from_who_writes(
    journal: SqliteJournal, path: Path
) -> None:
    def indexed() -> bool:
        with closing(sqlite3.connect(path)) as other:
            return bool(other.execute("SELECT 1 FROM sqlite_master WHERE name = 'said'").fetchall())

    journal.append(story())
    journal.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP INDEX said")
    for read_only in (True, False):
        with closing(SqliteJournal(path, read_only=read_only)) as reader:
            assert len(list(reader.read(types=MESSAGE_RECEIVED, subject="c1"))) == 1
        assert indexed() is not read_only


def test_looking_for_unfinished_effects_never_scans_the_log(journal: SqliteJournal) -> None:
    journal.append(story())
    # What is found is few, and put in order then.
    assert _plan_of(journal, journal.unfinished_effects) == {"SEARCH", "USE TEMP B-TREE FOR ORDER BY"}


def _plan_of(journal: SqliteJournal, use) -> set[str]:
    """How SQLite goes about the statements over signals that `use` makes: SEARCH, or whatever is not one."""
    statements: list[str] = []
    journal.last_seq()
    reader = journal._readers[-1]
    reader.set_trace_callback(statements.append)
    use()
    reader.set_trace_callback(None)
    steps = [
        row[3]
        for statement in statements
        if "WITH RECURSIVE" not in statement and "body AS BLOB" in statement
        for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    ignored = ("LIST SUBQUERY", "CORRELATED", "COMPOUND", "LEFT-MOST", "UNION ALL", "SCAN json_each")
    return {
        "SEARCH" if "SEARCH" in step else step
        for step in steps
        if not step.startswith(ignored) and "FOR GROUP BY" not in step
    }


def test_a_closed_journal_is_one_file_also_while_others_read_it(path: Path, tmp_path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(story())
    wal = path.with_name(path.name + "-wal")
    with closing(SqliteJournal(path, read_only=True)) as reader:
        before = list(reader.read())
        assert wal.stat().st_size > 0
        journal.close()
        assert wal.stat().st_size == 0
        copy = tmp_path / "copy.sqlite"
        copy.write_bytes(path.read_bytes())
        with closing(SqliteJournal(copy, read_only=True)) as copied:
            assert list(copied.read()) == before
        assert list(reader.read()) == before


def test_closing_does_not_wait_for_ever_for_somebody_who_reads_an_older_state(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connect, "FOLD_LIMIT_MS", 10)
    journal = SqliteJournal(path)
    journal.append([signal()])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM signals").fetchone()
        journal.append(story(subject="c2"))
        journal.close()
        other.execute("COMMIT")
    with closing(SqliteJournal(path, read_only=True)) as reopened:
        assert reopened.last_seq() == 1 + len(story(subject="c2"))
