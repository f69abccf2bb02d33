"""Connections to a journal file: the one that writes, and those that read."""

import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from ..errors import JournalError
from .sqlite_file import check_version, explain, log_of
from .sqlite_schema import INDEX_SAID, SCHEMA_VERSION, migrate, version_of

CHECKPOINT_PAGES = 8000
"""Size of the write-ahead log, in pages of 4 KiB, at which whoever writes folds what `sqlite_fold` has left of it."""

LOG_LIMIT_BYTES = 64 * 1024 * 1024
"""Size to which the log is cut back once a burst is over."""

WRITER_CACHE_KIB = 16 * 1024
"""Keeps the inner pages of the indexes in memory, so that inserts stay quick in a journal of millions."""

FOLD_LIMIT_MS = 1000
"""How long closing waits for those who read or write just then."""

_RETRY_S = 0.01

_NO_SIDE_FILES = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR_SHM")


def open_writer(path: Path, exists: bool, synchronous: str, timeout_s: float) -> sqlite3.Connection:
    """The connection that writes; makes the tables or brings them up to date. Raises JournalError."""
    if synchronous not in ("NORMAL", "FULL"):
        raise JournalError(f"synchronous is NORMAL or FULL, not {synchronous!r}", path=str(path))
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return _prepare(path, exists, synchronous, timeout_s)
        except sqlite3.OperationalError as error:
            # Switching to the write-ahead log does not wait for others as everything else does, so two processes that
            # make the same journal at once have to try again.
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise explain(error, str(path), "open") from None
            time.sleep(_RETRY_S)
        except sqlite3.Error as error:
            raise explain(error, str(path), "open") from None


def close_writer(connection: sqlite3.Connection) -> None:
    """Close it, and fold the log back, so that the file alone is the whole journal also while others read it.

    Best effort, for a moment: whoever reads an older state just then keeps the log, and the next one to close folds it.
    """
    with suppress(sqlite3.Error):
        connection.execute(f"PRAGMA busy_timeout = {FOLD_LIMIT_MS}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def open_reader(path: Path, timeout_s: float) -> sqlite3.Connection:
    """A connection that cannot write. Raises JournalError."""
    uri = f"{path.as_uri()}?mode=ro"
    try:
        try:
            return _checked_reader(uri, path, timeout_s)
        except sqlite3.OperationalError as error:
            # On a read-only or full disk SQLite cannot make the log's side files. Without a log nothing is missed.
            log = log_of(path)
            if not error.sqlite_errorname.startswith(_NO_SIDE_FILES) or (log.exists() and log.stat().st_size):
                raise
            return _checked_reader(f"{uri}&immutable=1", path, timeout_s)
    except sqlite3.Error as error:
        raise explain(error, str(path), "read") from None


def _prepare(path: Path, exists: bool, synchronous: str, timeout_s: float) -> sqlite3.Connection:
    connection = _connect(f"{path.as_uri()}?mode={'rw' if exists else 'rwc'}", timeout_s)
    try:
        check_version(version_of(connection), str(path))
        # Tables first, log second: the header then says whose file this is from the first commit on.
        migrate(connection)
        with suppress(sqlite3.OperationalError):  # as on a full disk, where an older journal does without it
            connection.execute(INDEX_SAID)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise JournalError(f"cannot keep a write-ahead log beside {path}; choose a local disk", path=str(path))
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")
        # Fails now, rather than at the first append, where the file or its disk may not be written. Taking the lock
        # is no test: SQLite opens what it may not write for reading, and then gives the lock for nothing.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked_reader(uri: str, path: Path, timeout_s: float) -> sqlite3.Connection:
    connection = _connect(uri, timeout_s)
    try:
        version = version_of(connection)
        check_version(version, str(path))
        if version < SCHEMA_VERSION:
            message = (
                f"{path} is of an older version ({version}, now {SCHEMA_VERSION}); open it once for writing to upgrade"
            )
            raise JournalError(message, path=str(path))
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(uri: str, timeout_s: float) -> sqlite3.Connection:
    # Transactions are spelled out; which thread uses a connection is settled by whoever holds it.
    return sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False)
