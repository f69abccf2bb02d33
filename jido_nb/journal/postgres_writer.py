"""The writing side of a journal in PostgreSQL: batches, their `seq`, and what was there already.

Writers take turns: the lock that hands out `seq` is held until the commit, and PostgreSQL gives it up only when the
commit can be seen. So `seq` is in the order of the commits, and whoever read up to n has missed nothing below it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, errors

from ..core.signal import Recorded, Signal
from ..errors import JournalError
from . import postgres_schema as sql
from .codec import Row, to_row
from .commit_points import reached
from .postgres_connect import Place
from .postgres_session import Session
from .postgres_sql import placed, recorded_of, without_nul
from .protocol import Appended
from .sql_statements import KEEP_RESTED

MAX_KEY_BYTES = 2400
"""What an index of PostgreSQL holds of an id and a subject together, with room to spare."""


class PostgresWriter:
    """Appends to a journal, in the one session of this process that does."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._place = session.place

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        """See `Journal.append`. Raises psycopg.Error, or JournalError for a signal that no table holds."""
        rows = [self._row(signal) for signal in signals]

        def append(writer: Connection[Row]) -> list[Appended]:
            try:
                appended = self._append_new(writer, signals, rows)
            except errors.UniqueViolation:
                appended = self._append_known(writer, signals, rows)
            self._session.last = max(self._session.last, *(entry.recorded.seq for entry in appended))
            return appended

        return self._session.run(append)

    def keep_rested(self, seq: int) -> None:
        """See `sql_statements.KEEP_RESTED`. Raises psycopg.Error."""
        make, keep = map(placed, KEEP_RESTED)

        def keep_rested(writer: Connection[Row]) -> None:
            writer.execute(make)
            writer.execute(keep, (seq,))

        self._session.run(keep_rested)

    def _append_new(self, writer: Connection[Row], signals: Sequence[Signal], rows: Sequence[Row]) -> list[Appended]:
        """The common case: nothing was seen before. Raises UniqueViolation, with nothing written, if it was."""
        with _turn(writer, self._place):
            first = self._insert(writer, rows)
        return [Appended(Recorded(seq, signal), False) for seq, signal in enumerate(signals, first)]

    def _append_known(self, writer: Connection[Row], signals: Sequence[Signal], rows: Sequence[Row]) -> list[Appended]:
        with _turn(writer, self._place):
            keys = ([signal.id for signal in signals], [signal.subject for signal in signals])
            known = {
                (recorded.signal.id, recorded.signal.subject): recorded
                for recorded in map(recorded_of, writer.execute(placed(sql.KNOWN), keys).fetchall())
            }
            fresh: dict[tuple[str, str], Row] = {}
            for signal, row in zip(signals, rows, strict=True):
                if (signal.id, signal.subject) not in known:
                    fresh.setdefault((signal.id, signal.subject), row)
            seq = self._insert(writer, [*fresh.values()]) if fresh else 0
        answer: list[Appended] = []
        for signal in signals:
            stored = known.get(key := (signal.id, signal.subject))
            answer.append(Appended(stored or Recorded(seq, signal), stored is not None))
            if stored is None:
                known[key] = Recorded(seq, signal)
                seq += 1
        return answer

    def _insert(self, writer: Connection[Row], rows: Sequence[Row]) -> int:
        """Write rows without their `seq`; gives that of the first."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        written: Any = writer.execute(sql.INSERT, (*columns, self._place.channel)).fetchone()
        return int(written[0])

    def _row(self, signal: Signal) -> Row:
        if len(signal.id) + len(signal.subject) > MAX_KEY_BYTES // 4:
            size = len(signal.id.encode()) + len(signal.subject.encode())
            if size > MAX_KEY_BYTES:
                location = self._place.location
                message = (
                    f"the journal {location} keeps ids and subjects of up to {MAX_KEY_BYTES} bytes together; those"
                    f" of {signal.id[:40]!r}… have {size}. Choose shorter ones, or a journal in a file."
                )
                raise JournalError(message, path=location)
        row = to_row(0, signal)[1:]
        return *map(without_nul, row[:-1]), row[-1].decode()


@contextmanager
def _turn(writer: Connection[Row], place: Place) -> Iterator[None]:
    try:
        # A statement of its own, and of this level whatever is usual there: the next one has to see what the one before
        # us committed.
        writer.execute(
            f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({place.lock})".encode(), prepare=False
        )
        reached("journal.begun")
        yield
        reached("journal.written")
    except BaseException:
        if not writer.closed:
            writer.execute("ROLLBACK")
        raise
    try:
        writer.execute("COMMIT")
    except psycopg.OperationalError as error:
        if not writer.broken:
            raise
        # Not to be tried again: it may be there.
        message = (
            f"the session with {place.location} ended while a batch was committed ({' '.join(str(error).split())}). "
            "Whether it is there shows when the journal is opened again"
        )
        raise JournalError(message, path=place.location) from None
    reached("journal.committed")
