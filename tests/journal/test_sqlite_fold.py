"""The log is folded back beside the writer: nobody waits for it, nothing is lost, and closing leaves nothing of it."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.journal.sqlite_fold import COMMITS, ROWS, Fold
from jido_nb.testing.builders import signal

LIMIT_S = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal(path)) as journal:
        yield journal


def append(journal: SqliteJournal, commits: int, rows: int = 1) -> None:
    for commit in range(commits):
        start = journal.last_seq()
        journal.append([signal(id=f"s{start}-{commit}-{row}", content="x" * 100) for row in range(rows)])


def wait_for_folds(journal: SqliteJournal) -> None:
    until = time.monotonic() + LIMIT_S
    while journal._fold.running:
        assert time.monotonic() < until
        time.sleep(0.005)


def in_the_file_alone(path: Path) -> int:
    """How many signals are in the file without its log."""
    copy = path.with_name("copy.sqlite")
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM signals").fetchone()[0])


@pytest.mark.parametrize(("commits", "rows"), [(COMMITS, 1), (4, ROWS // 4), (1, ROWS)])
def test_what_was_written_is_in_the_file_soon_and_not_only_in_the_log(
    journal: SqliteJournal, path: Path, commits: int, rows: int
) -> None:
    append(journal, commits, rows)
    wait_for_folds(journal)
    assert in_the_file_alone(path) == commits * rows


def test_a_few_commits_are_not_worth_a_fold(journal: SqliteJournal, path: Path) -> None:
    append(journal, COMMITS - 1)
    assert not journal._fold.running
    assert in_the_file_alone(path) == 0


def test_whoever_reads_an_older_state_holds_up_neither_the_writer_nor_what_they_read(
    journal: SqliteJournal, path: Path
) -> None:
    append(journal, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM signals").fetchone() == (1,)
        append(journal, 2 * COMMITS)
        wait_for_folds(journal)
        assert reader.execute("SELECT count(*) FROM signals").fetchone() == (1,)
        reader.execute("COMMIT")
    append(journal, COMMITS)
    wait_for_folds(journal)
    assert journal.last_seq() == 1 + 3 * COMMITS
    assert in_the_file_alone(path) > 1 + 2 * COMMITS


def test_a_closed_journal_leaves_no_fold_behind(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        append(journal, 1, ROWS)
    assert not [thread for thread in threading.enumerate() if "fold" in thread.name]
    assert sorted(path.parent.iterdir()) == [path]
    assert in_the_file_alone(path) == ROWS


def test_a_fold_that_cannot_be_is_no_failure_of_who_wrote(tmp_path: Path) -> None:
    fold = Fold(tmp_path / "gone" / "runs.sqlite")
    fold.wrote(ROWS)
    fold.close()
    assert not fold.running
