"""A journal in PostgreSQL, for several kernels or machines that share one. Needs the extra `postgres` (psycopg 3)."""

import os
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any

import psycopg
from psycopg import Connection

from ..core.pattern import compile_types, matching
from ..core.signal import Recorded, Signal
from ..errors import ClosedError, JournalError
from . import postgres_schema as sql
from .codec import LARGEST, Row
from .columns import column_pages
from .continuing import unapplied_in
from .postgres_claims import PostgresClaims
from .postgres_connect import connect, explain, migrate, place_of
from .postgres_sql import conditions, placed, recorded_of
from .postgres_writer import PostgresWriter
from .protocol import Appended

PAGE = 500
"""Signals that a read takes in one go."""

IDLE_READERS = 4
"""Reading connections that are kept for the next read; more are opened while more threads read at once."""


class PostgresJournal:
    """See `Journal` for what it promises. What survives the server is up to its `synchronous_commit`."""

    blocking = True

    def __init__(self, url: str, read_only: bool = False) -> None:
        """Open the journal at `url`, or make one in that database; `read_only` makes and changes nothing.

        Args:
            url: `postgresql://user@host/database`; `?schema=name` for tables elsewhere than in the schema `jido_nb`.

        Raises:
            ConfigError: `url` is not one.
            JournalError: the server cannot be reached, or what is there is no journal that this version knows.
        """
        self._place = place_of(url)
        self.location = self._place.location
        self.read_only = read_only
        self._lock = Lock()
        self._pid = os.getpid()
        self._closed = False
        self._writer = PostgresWriter(self._place)
        self._readers: list[Connection[Row]] = []
        migrate(self._place, read_only=read_only)

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        with self._lock:
            self._check_open()
            if self.read_only:
                raise JournalError(f"the journal {self.location} was opened for reading only", path=self.location)
            if not signals:
                return []
            try:
                return self._writer.append(signals)
            except psycopg.Error as error:
                raise explain(error, self.location, "write to") from None

    def read(
        self,
        *,
        types: str | Iterable[str] | None = None,
        subject: str | None = None,
        after_seq: int = 0,
        until_seq: int | None = None,
        effect_id: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        backend: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Recorded]:
        self._check_open()
        patterns = compile_types(types)

        def pages() -> Iterator[Recorded]:
            # A single page is one statement, and needs no asking where the log ends now.
            last = self.last_seq() if limit is None or limit > PAGE else LARGEST
            high = last if until_seq is None else min(until_seq, last)
            low, left = max(after_seq, 0), limit
            wanted = matching(patterns, self._types)
            if wanted == []:
                return
            where, values = conditions(wanted, subject, effect_id, since_us, until_us, backend)
            order = "DESC" if newest_first else "ASC"
            statement = f"{sql.SELECT} WHERE {where} AND s.seq > ? AND s.seq <= ? ORDER BY s.seq {order} LIMIT ?"
            while low < high and (left is None or left > 0):
                count = PAGE if left is None else min(PAGE, left)
                rows = self._query(statement, (*values, low, high, count))
                yield from map(recorded_of, rows)
                if len(rows) < count:
                    return
                if newest_first:
                    high = rows[-1][0] - 1
                else:
                    low = rows[-1][0]
                left = None if left is None else left - count

        return pages()

    def read_columns(
        self,
        names: Sequence[str],
        *,
        types: str | Iterable[str] | None = None,
        subject: str | None = None,
        after_seq: int = 0,
        until_seq: int | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        backend: str | None = None,
    ) -> Iterator[list[Row]]:
        """Pages of rows, for frames; see `columns.ColumnReader`."""
        wanted = matching(compile_types(types), self._types)
        where, values = conditions(wanted, subject, None, since_us, until_us, backend)
        last = self.last_seq()
        return column_pages(self._query, names, where, values, after_seq, last if until_seq is None else until_seq)

    def follow(self, after_seq: int = 0, *, timeout_s: float | None = None) -> Iterator[Recorded]:
        """Signals behind `after_seq`, then those that anybody commits, as they are committed.

        Args:
            timeout_s: End when nothing came for so long. None: never; close the generator to end it.
        """
        connection = self._connected()
        try:
            # Listen first, look second: what is committed in between is told, and nothing falls between the two.
            connection.execute(f'LISTEN "{self._place.channel}"')
            while True:
                for recorded in self.read(after_seq=after_seq):
                    after_seq = recorded.seq
                    yield recorded
                if next(connection.notifies(timeout=timeout_s, stop_after=1), None) is None and timeout_s is not None:
                    return
        except psycopg.Error as error:
            raise explain(error, self.location, "follow") from None
        finally:
            connection.close()

    def claims(self) -> PostgresClaims:
        """The conversations that one runtime may write; see `claims.py`."""
        return PostgresClaims(self._place)

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        if "\0" in signal_id:
            return None
        if subject is None:
            rows = self._query(sql.FIND_ANYWHERE, (signal_id,))
        else:
            rows = self._query(sql.FIND, (signal_id, subject))
        return recorded_of(rows[0]) if rows else None

    def last_seq(self) -> int:
        return int(self._query(sql.LAST_SEQ)[0][0])

    def subjects(self) -> list[str]:
        return [row[0] for row in self._query(sql.SUBJECTS)]

    def statistics(self) -> dict[str, Any]:
        conversations = self._query("SELECT count(*) FROM conversations")[0][0]
        return {"signals": self.last_seq(), "conversations": conversations, "bytes": int(self._query(sql.SIZE)[0][0])}

    def unfinished_effects(self) -> list[Recorded]:
        return [recorded_of(row) for row in self._query(sql.UNFINISHED)]

    def unapplied(self) -> list[Recorded]:
        waiting: list[Recorded] = []
        for (subject,) in self._query(sql.UNEVEN):
            waiting += unapplied_in(self, subject)
        return sorted(waiting, key=lambda recorded: recorded.seq)

    def close(self) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._writer.close()
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()

    def _types(self) -> list[str]:
        return [row[0] for row in self._query(sql.TYPES)]

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        self._check_open()
        try:
            # Taking from and adding to a list are single steps, so readers need no lock of their own.
            reader = self._readers.pop()
        except IndexError:
            reader = self._connected()
        try:
            return reader.execute(placed(statement), values).fetchall()
        except psycopg.Error as error:
            raise explain(error, self.location, "read") from None
        finally:
            if self._closed or reader.closed or len(self._readers) >= IDLE_READERS:
                reader.close()
            else:
                self._readers.append(reader)

    def _connected(self) -> Connection[Row]:
        self._check_open()
        try:
            return connect(self._place, read_only=True)
        except psycopg.Error as error:
            raise explain(error, self.location, "read") from None

    def _check_open(self) -> None:
        if self._pid != os.getpid():
            message = (
                f"the journal {self.location} was opened by process {self._pid} and cannot be used in a fork of it "
                f"({os.getpid()}); open it again there"
            )
            raise JournalError(message, path=self.location)
        if self._closed:
            raise ClosedError(f"the journal {self.location} is closed")
