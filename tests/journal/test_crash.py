"""What was acknowledged outlives the process; processes share a file; a fork is told to open its own."""

import signal as signals
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jido_nb.journal.sqlite import SqliteJournal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")

BATCH = 7

# Prints the number of each batch once `append` has returned; dies by its own hand after `last` of them.
WRITER = f"""
import os, signal as signals, sys
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
path, name, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
journal = SqliteJournal(path)
os.write(1, b"ready\\n")
sys.stdin.readline()
number = 0
while number != last:
    text = "x" * (number * 37 % 9000)
    journal.append([signal(id=f"{{name}}/{{number}}/{{k}}", subject=name, content=text) for k in range({BATCH})])
    os.write(1, b"%d\\n" % number)
    number += 1
if last < 1000:
    os.kill(os.getpid(), signals.SIGKILL)
journal.close()
"""


def _writer(path: Path, name: str, last: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WRITER, str(path), name, str(last)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _go(*writers: "subprocess.Popen[bytes]") -> None:
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()


def _check(path: Path, acknowledged: dict[str, int]) -> None:
    """Everything acknowledged is there, batches are whole, seq has no gaps, the file is sound, and it goes on."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(SqliteJournal(path)) as journal:
        records = list(journal.read())
        assert [recorded.seq for recorded in records] == list(range(1, len(records) + 1))
        for name, count in acknowledged.items():
            kept = [recorded.signal.id for recorded in records if recorded.signal.subject == name]
            assert len(kept) % BATCH == 0
            assert len(kept) >= count * BATCH
            assert kept == [f"{name}/{number}/{k}" for number in range(len(kept) // BATCH) for k in range(BATCH)]
        assert len(journal.unapplied()) == len(records)
        assert journal.append([records[0].signal] if records else []) == ([(records[0], True)] if records else [])


@pytest.mark.parametrize("last", [0, 1, 2, 40])
def test_a_process_that_kills_itself_after_appending_loses_nothing(tmp_path: Path, last: int) -> None:
    path = tmp_path / "runs.sqlite"
    with _writer(path, "c", last) as writer:
        _go(writer)
        out = writer.stdout.read().split() if writer.stdout else []
    assert writer.returncode == -signals.SIGKILL
    assert len(out) == last
    _check(path, {"c": last})


@pytest.mark.parametrize("acknowledged", [1, 3, 10, 33])
def test_a_process_killed_while_it_appends_loses_nothing_it_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "runs.sqlite"
    with _writer(path, "c", -1) as writer:
        _go(writer)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(acknowledged)]
        # It goes on appending, so this hits somewhere inside of an append.
        writer.kill()
        lines += writer.stdout.readlines()
    _check(path, {"c": len(lines)})


def test_processes_write_different_conversations_of_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    count = 1000
    with _writer(path, "a", count) as first, _writer(path, "b", count) as second:
        _go(first, second)
        outs = [writer.stdout.read().split() for writer in (first, second) if writer.stdout]
    assert [first.returncode, second.returncode] == [0, 0]
    assert [len(out) for out in outs] == [count, count]
    _check(path, {"a": count, "b": count})


def test_one_writer_killed_leaves_the_other_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with _writer(path, "a", 1000) as first, _writer(path, "b", 20) as second:
        _go(first, second)
        outs = [writer.stdout.read().split() for writer in (first, second) if writer.stdout]
    assert [first.returncode, second.returncode] == [0, -signals.SIGKILL]
    _check(path, {"a": len(outs[0]), "b": len(outs[1])})


FORK = """
import os, sys, threading
from jido_nb.errors import JournalError
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
journal = SqliteJournal(sys.argv[1])
journal.append([signal(id="before")])
child = os.fork()
if child == 0:
    for use in (lambda: journal.append([signal(id="x")]), lambda: list(journal.read()), journal.last_seq):
        try:
            use()
            sys.exit(1)
        except JournalError as error:
            if "fork" not in str(error):
                sys.exit(2)
    journal.close()
    with_own = SqliteJournal(sys.argv[1])
    with_own.append([signal(id="from the child")])
    with_own.close()
    del journal
    sys.exit(0)
_, status = os.waitpid(child, 0)
journal.append([signal(id="after")])
print(os.waitstatus_to_exitcode(status), [recorded.signal.id for recorded in journal.read()])
journal.close()
"""


def test_a_forked_child_is_told_to_open_its_own_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    done = subprocess.run([sys.executable, "-c", FORK, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "0 ['before', 'from the child', 'after']", done.stderr
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
