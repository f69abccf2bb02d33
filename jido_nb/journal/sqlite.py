"""A journal in one SQLite file: durable, readable by any SQLite tool, shared by the processes of one machine.

One connection writes, under a lock; others read, each for one bounded page at a time, so that no reader ever holds up
the writer or keeps the write-ahead log from being folded back into the file.
"""

import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from ..core.catalogue import APPLIED
from ..core.signal import Recorded, Signal
from ..errors import JournalError
from . import sqlite_schema as sql
from .codec import COLUMNS, Row, from_row, to_row
from .commit_points import reached
from .file_path import file_path
from .packed import PACKED_BYTES
from .protocol import Appended
from .same_files import SameFiles
from .sql_journal import IDLE_READERS, SqlJournal
from .sql_statements import KEEP_RESTED, LAST_SEQ
from .sqlite_connect import close_writer, open_reader, open_writer
from .sqlite_file import check_place, explain, log_of
from .sqlite_filter import conditions
from .sqlite_fold import Fold

_COVERED = COLUMNS.index("covered")

# Connections that a forked child inherited. Closing them there would act on the parent's file, so they are kept.
_inherited: list[tuple[Any, ...]] = []


class SqliteJournal(SqlJournal):
    """See `Journal` for what it promises.

    With `synchronous="NORMAL"` what was appended survives the death of the process at any point; with `"FULL"` it also
    survives the loss of power, at the price of one disk flush per append.
    """

    statements = sql.READING

    def __init__(
        self,
        path: str | Path,
        read_only: bool = False,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        busy_timeout_ms: int = 10_000,
    ) -> None:
        """Open the journal at `path`, or make one; `read_only` makes and changes nothing.

        Raises:
            ConfigError: no file can have that path.
            JournalError: the place or the file does not serve, and was left as it was.
        """
        self._path = file_path(path)
        super().__init__(str(self._path))
        self.read_only = read_only
        self._timeout_s = busy_timeout_ms / 1000
        self._lock = Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []
        self._fold = Fold(self._path)
        exists = check_place(self._path, read_only=read_only)
        if not read_only:
            self._writer = open_writer(self._path, exists, synchronous, self._timeout_s)
        else:
            self._readers.append(open_reader(self._path, self._timeout_s))
        # A log comes and goes with those who write; while this one does, it stays.
        log = () if read_only else (log_of(self._path),)
        self._files = SameFiles(self._path, *log)
        _open_journals.add(self)

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        with self._lock:
            self._check_open()
            writer = self._writer
            if writer is None:
                raise JournalError(f"the journal {self.location} was opened for reading only", path=self.location)
            if not signals:
                return []
            self._files.check()
            try:
                try:
                    appended = self._append_new(writer, signals)
                except sqlite3.IntegrityError:
                    appended = self._append_known(writer, signals)
            except sqlite3.Error as error:
                raise explain(error, self.location, "write to") from error
            except (UnicodeEncodeError, OverflowError) as error:
                message = f"cannot write to the journal {self.location}: a value cannot be stored: {error}"
                raise JournalError(message, path=self.location) from error
            self._fold.wrote(len(signals))
            return appended

    def _append_new(self, writer: sqlite3.Connection, signals: Sequence[Signal]) -> list[Appended]:
        """The common case, in which nothing was seen before. Raises IntegrityError, with nothing written, if it was."""
        with _transaction(writer):
            first = writer.execute(LAST_SEQ).fetchone()[0] + 1
            rows = [to_row(seq, signal) for seq, signal in enumerate(signals, first)]
            if len(rows) == 1:
                writer.execute(sql.INSERT, rows[0])
            else:
                writer.executemany(sql.INSERT, rows)
            writer.executemany(sql.COUNT, _counts(rows))
        return [Appended(Recorded(seq, signal), False) for seq, signal in enumerate(signals, first)]

    def _append_known(self, writer: sqlite3.Connection, signals: Sequence[Signal]) -> list[Appended]:
        answer: list[Appended] = []
        with _transaction(writer):
            seq = writer.execute(LAST_SEQ).fetchone()[0]
            rows = []
            for signal in signals:
                stored = writer.execute(sql.READING.find, (signal.id, signal.subject)).fetchone()
                if stored is not None:
                    answer.append(Appended(from_row(stored), True))
                    continue
                seq += 1
                rows.append(to_row(seq, signal))
                writer.execute(sql.INSERT, rows[-1])
                answer.append(Appended(Recorded(seq, signal), False))
            writer.executemany(sql.COUNT, _counts(rows))
        return answer

    _recorded = staticmethod(from_row)
    _conditions = staticmethod(conditions)

    def _keep_rested(self, seq: int) -> None:
        with self._lock, suppress(sqlite3.Error):
            if self._writer is not None:
                make, keep = KEEP_RESTED
                self._writer.execute(make)
                self._writer.execute(keep, (seq,))

    def _size(self) -> int:
        files = (self._path, log_of(self._path))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            readers, writer = self._readers, self._writer
            self._readers, self._writer = [], None
        for reader in readers:
            reader.close()
        if writer is not None:
            self._fold.close()
            close_writer(writer)

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        with self._reading() as reader:
            return reader.execute(statement, values).fetchall()

    def _pack(self, statement: str, values: tuple[Any, ...]) -> Row | None:
        with self._reading() as reader:
            allowed = reader.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, PACKED_BYTES)
            try:
                row: Row = reader.execute(statement, values).fetchall()[0]
            except sqlite3.DataError as error:
                if error.sqlite_errorname != "SQLITE_TOOBIG":
                    raise
                return None
            finally:
                reader.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, allowed)
            return row

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._check_open()
        self._files.check(may_be_gone=True)
        try:
            # Taking from and adding to a list are single steps, so readers need no lock of their own.
            reader = self._readers.pop()
        except IndexError:
            reader = open_reader(self._path, self._timeout_s)
        try:
            yield reader
        except sqlite3.Error as error:
            raise explain(error, self.location, "read") from error
        finally:
            if self._closed or len(self._readers) >= IDLE_READERS:
                reader.close()
            else:
                self._readers.append(reader)


_open_journals: "weakref.WeakSet[SqliteJournal]" = weakref.WeakSet()


def _keep_inherited() -> None:
    _inherited.extend((journal, journal._writer, list(journal._readers)) for journal in _open_journals)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_inherited)


@contextmanager
def _transaction(writer: sqlite3.Connection) -> Iterator[None]:
    writer.execute("BEGIN IMMEDIATE")
    reached("journal.begun")
    try:
        yield
        reached("journal.written")
        writer.execute("COMMIT")
        reached("journal.committed")
    except BaseException:
        # SQLite may have rolled back by itself, as it does when the disk is full.
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


def _counts(rows: list[Row]) -> list[tuple[Any, ...]]:
    """What `rows` add to the counts of their conversations, in the order of the statement `COUNT`."""
    counts: dict[str, list[int]] = {}
    for row in rows:
        count = counts.get(row[4])
        if count is None:
            count = counts[row[4]] = [row[0], 0, 0, 0]
        count[1] += 1
        if row[2] == APPLIED:
            count[2] += 1
            count[3] += row[_COVERED]
    return [(subject, *count) for subject, count in counts.items()]
