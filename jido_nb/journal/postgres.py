"""A journal in PostgreSQL, for several kernels or machines that share one. Needs the extra `postgres` (psycopg 3)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import Connection

from ..core.signal import Recorded, Signal
from ..errors import JidoError, JournalError
from . import postgres_schema as sql
from .codec import Row
from .postgres_claims import PostgresClaims
from .postgres_connect import READER, connect, explain, open_place, place_of
from .postgres_session import Session, session_name
from .postgres_sql import conditions, placed, recorded_of
from .postgres_writer import PostgresWriter
from .protocol import Appended
from .sql_journal import IDLE_READERS, SqlJournal


class PostgresJournal(SqlJournal):
    """See `Journal` for what it promises. What survives the server is up to its `synchronous_commit`."""

    statements = sql.READING

    def __init__(self, url: str, read_only: bool = False) -> None:
        """Open the journal at `url`, or make one in that database; `read_only` makes and changes nothing.

        Args:
            url: `postgresql://user@host/database`; `?schema=name` for tables elsewhere than in the schema `jido_nb`.

        Raises:
            ConfigError: `url` is not one.
            JournalError: the server cannot be reached, or what is there is no journal that this version knows.
        """
        self._place = place_of(url)
        super().__init__(self._place.location)
        self.read_only = read_only
        opened = open_place(self._place, read_only=read_only, name=READER if read_only else session_name())
        self._session = Session(self._place, None if read_only else opened)
        self._writer = PostgresWriter(self._session)
        self._readers: list[Connection[Row]] = [opened] if read_only else []

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        self._check_open()
        if self.read_only:
            raise JournalError(f"the journal {self.location} was opened for reading only", path=self.location)
        if not signals:
            return []
        try:
            return self._writer.append(signals)
        except psycopg.Error as error:
            raise explain(error, self.location, "write to") from None

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
        return PostgresClaims(self._session)

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        # No text here holds NUL, and to ask for one is an error of the server's.
        return None if "\0" in signal_id else super().find(signal_id, subject)

    _recorded = staticmethod(recorded_of)
    _conditions = staticmethod(conditions)

    def _keep_rested(self, seq: int) -> None:
        with suppress(psycopg.Error, JidoError):
            if not self.read_only:
                self._writer.keep_rested(seq)

    def _size(self) -> int:
        return int(self._query(sql.SIZE)[0][0])

    def close(self) -> None:
        if self._pid != os.getpid():
            return
        self._closed = True
        self._session.close()
        while self._readers:
            self._readers.pop().close()

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        self._check_open()
        try:
            # Taking from and adding to a list are single steps, so readers need no lock of their own.
            reader = self._readers.pop()
        except IndexError:
            return self._asked(self._connected(), statement, values)
        try:
            return self._asked(reader, statement, values)
        except JournalError:
            if not reader.broken:
                raise
        # It ended while nobody asked anything, as all do when the server is started again.
        return self._asked(self._connected(), statement, values)

    def _asked(self, reader: Connection[Row], statement: str, values: tuple[Any, ...]) -> list[Row]:
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
