"""A file or a place that does not serve is refused with the reason and the way out, and stays as it was."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jido_nb.errors import JournalError
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.journal.sqlite_file import check_place, network_filesystem
from jido_nb.journal.sqlite_schema import APPLICATION_ID, SCHEMA_VERSION, migrate, version_of
from jido_nb.testing.builders import signal, story


def _notes(path: Path) -> None:
    path.write_text("Dear diary, today I was not a database. " * 50)


def _other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")


def _other_program_with_a_name(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA application_id = 42")
        other.execute("VACUUM")


def _newer(path: Path) -> None:
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def _damaged(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        journal.append(story())
    path.write_bytes(path.read_bytes()[:4096].replace(b"CREATE", b"CRATER"))


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_notes, "not a SQLite file; choose another path"),
        (_other_program, "of another program, not a jido_nb journal"),
        (_other_program_with_a_name, "of another program, not a jido_nb journal"),
        (_newer, f"newer jido_nb .*version {SCHEMA_VERSION + 1}.*upgrade jido_nb"),
        (_damaged, "damaged"),
    ],
)
def test_a_file_that_is_no_journal_of_ours_is_refused_and_untouched(
    tmp_path: Path, make: Callable[[Path], None], reason: str, read_only: bool
) -> None:
    path = tmp_path / "runs.sqlite"
    make(path)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    with pytest.raises(JournalError, match=reason) as refused:
        SqliteJournal(path, read_only=read_only)
    assert refused.value.path == str(path)
    assert str(path) in str(refused.value)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_foreign_file_with_all_its_tables_in_its_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE bookmarks (url TEXT)")
        with pytest.raises(JournalError, match="another program"):
            SqliteJournal(path)


FOLDING = """
import sys
from itertools import count
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal

numbers = count()
while True:
    journal = SqliteJournal(sys.argv[1])
    journal.append([signal(id=str(next(numbers)), content="x" * 3000) for _ in range(20)])
    journal.close()
    print("folded", flush=True)
"""


def test_a_journal_whose_log_is_being_folded_back_does_not_look_damaged(tmp_path: Path) -> None:
    path = tmp_path / "busy.sqlite"
    with subprocess.Popen([sys.executable, "-c", FOLDING, str(path)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            for _ in range(60):
                assert writer.stdout.readline() == b"folded\n"
                for _ in range(200):
                    assert check_place(path, read_only=True)
        finally:
            writer.kill()


def test_a_journal_that_a_reader_keeps_from_being_folded_whole_does_not_look_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    number = 0

    def append(commits: int) -> None:
        nonlocal number
        for number in range(number + 1, number + 1 + commits):  # noqa: B020
            journal.append([signal(id=f"s{number}", content="x" * 300)])

    def seems_damaged() -> bool:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as alone:
            try:
                alone.execute("PRAGMA application_id")
            except sqlite3.DatabaseError:
                return True
        return False

    with closing(SqliteJournal(path)) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        # Until a page that says how long the file is has been folded, and the page at its end has not.
        for commits in [*range(1, 8)] * 20:
            append(commits)
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM signals").fetchone()
                append(commits)
                other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                if seems_damaged():
                    for read_only in (True, False):
                        with closing(SqliteJournal(path, read_only=read_only)) as seen:
                            assert seen.last_seq() == number
                    return
    pytest.fail("no fold was cut short in the way that this test is about")


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.touch()
    with closing(SqliteJournal(path)) as journal:
        assert journal.append([signal()])[0].recorded.seq == 1


@pytest.mark.parametrize("there", [False, True])
def test_reading_makes_nothing(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "runs.sqlite"
    if there:
        path.touch()
    with pytest.raises(JournalError, match=r"no journal .*to read; check the path"):
        SqliteJournal(path, read_only=True)
    assert [each.stat().st_size for each in tmp_path.iterdir()] == [0] * there


def test_a_missing_folder_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"the folder .*nowhere does not exist; create it first"):
        SqliteJournal(tmp_path / "nowhere" / "runs.sqlite")
    with pytest.raises(JournalError, match="is a folder; a journal is a file"):
        SqliteJournal(tmp_path)
    assert list(tmp_path.iterdir()) == []


MOUNTS = r"""/dev/vda / ext4 rw,relatime 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local ext4 rw 0 0
//nas/share /mnt/my\040share cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
/dev/vdc /mnt/ssh ext4 rw 0 0
drvfs /mnt/c 9p rw 0 0
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/runs.sqlite", None),
        ("/home/ann/runs.sqlite", "nfs4"),
        ("/home/local/runs.sqlite", None),
        ("/homely/runs.sqlite", None),
        ("/mnt/my share/runs.sqlite", "cifs"),
        ("/mnt/ssh/runs.sqlite", None),
        ("/mnt/c/Users/runs.sqlite", "9p"),
    ],
)
def test_a_network_disk_is_known_by_the_mount_that_holds_the_path(path: str, kind: str | None) -> None:
    assert network_filesystem(Path(path), MOUNTS) == kind


def test_a_network_disk_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"network disk \(nfs\).*keep the journal on a local disk"):
        check_place(tmp_path / "runs.sqlite", read_only=False, mounts=f"server:/x {tmp_path} nfs rw 0 0\n")
    assert list(tmp_path.iterdir()) == []


AS_NOBODY = """
import os, sys
from jido_nb.errors import JournalError
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
path, read_only = sys.argv[1], sys.argv[2] == "read"
if os.geteuid() == 0:
    os.setuid(65534)
try:
    journal = SqliteJournal(path, read_only=read_only)
    print(journal.last_seq())
except JournalError as error:
    print(error)
"""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users may look into, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work differently there")
@pytest.mark.parametrize("log", [False, True], ids=["closed", "with a log"])
def test_without_permission_to_write_a_journal_can_be_read_and_says_so(shared_folder: Path, log: bool) -> None:
    path = shared_folder / "runs.sqlite"
    journal = SqliteJournal(path)
    journal.append(story())
    last = journal.last_seq()
    if not log:
        journal.close()
    for each in shared_folder.iterdir():
        each.chmod(0o444)
    shared_folder.chmod(0o555)
    before = path.read_bytes()
    out = {how: _as_nobody(path, how) for how in ("read", "write")}
    assert out["read"] == str(last)
    assert "read_only=True" in out["write"]
    assert str(path) in out["write"]
    assert "cannot" in _as_nobody(shared_folder / "new.sqlite", "write")
    assert path.read_bytes() == before
    journal.close()


def _as_nobody(path: Path, how: str) -> str:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(path), how], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_journal_says_whose_file_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert version_of(other) == SCHEMA_VERSION


def test_migrations_run_once_in_order_and_all_or_nothing(tmp_path: Path) -> None:
    def one(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE log (a)")

    def two(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE log ADD COLUMN b")

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE log ADD COLUMN c")
        raise OSError("power cut")

    with closing(sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)) as connection:
        migrate(connection, (one,))
        migrate(connection, (one, two))
        migrate(connection, (one, two))
        with pytest.raises(OSError, match="power cut"):
            migrate(connection, (one, two, broken))
        assert version_of(connection) == 2
        assert [row[1] for row in connection.execute("PRAGMA table_info(log)")] == ["a", "b"]


def test_an_older_journal_is_not_changed_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 0")
    with pytest.raises(JournalError, match=r"older version .*open it once for writing"):
        SqliteJournal(path, read_only=True)


def test_the_path_may_be_relative_or_begin_with_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("runs.sqlite", "~/runs.sqlite"):
        with closing(SqliteJournal(path)) as journal:
            assert journal.location == os.path.join(tmp_path.resolve(), "runs.sqlite")
