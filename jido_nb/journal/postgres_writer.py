"""The writing side of a journal in PostgreSQL: batches, their `seq`, and what was there already.

Writers take turns: the lock that hands out `seq` is held until the commit, and PostgreSQL gives it up only when the
commit can be seen. So `seq` is in the order of the commits, and whoever read up to n has missed nothing below it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, errors

from ..core.signal import Recorded, Signal
from ..errors import JournalError
from . import postgres_schema as sql
from .codec import Row, to_row
from .commit_points import reached
from .postgres_connect import Place, connect
from .postgres_sql import placed, recorded_of, without_nul
from .protocol import Appended
from .sql_statements import KEEP_RESTED

MAX_KEY_BYTES = 2400
"""What an index of PostgreSQL holds of an id and a subject together, with room to spare."""


class PostgresWriter:
    """The one connection of this process that writes to a journal; whoever holds it lets one thread in at a time."""

    def __init__(self, place: Place, connection: Connection[Row] | None) -> None:
        self._place = place
        self._connection = connection

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        """See `Journal.append`. Raises psycopg.Error, or JournalError for a signal that no table holds."""
        rows = [self._row(signal) for signal in signals]
        writer = self._connected()
        try:
            return self._append_new(writer, signals, rows)
        except errors.UniqueViolation:
            return self._append_known(writer, signals, rows)

    def keep_rested(self, seq: int) -> None:
        """See `sql_statements.KEEP_RESTED`. Raises psycopg.Error."""
        make, keep = map(placed, KEEP_RESTED)
        writer = self._connected()
        writer.execute(make)
        writer.execute(keep, (seq,))

    def _connected(self) -> Connection[Row]:
        if self._connection is None or self._connection.closed:
            # Also after the server went away: what was lost was refused, and the next batch may try again.
            self._connection = connect(self._place)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _append_new(self, writer: Connection[Row], signals: Sequence[Signal], rows: Sequence[Row]) -> list[Appended]:
        """The common case: nothing was seen before. Raises UniqueViolation, with nothing written, if it was."""
        with _turn(writer, self._place.lock):
            first = self._insert(writer, rows)
        return [Appended(Recorded(seq, signal), False) for seq, signal in enumerate(signals, first)]

    def _append_known(self, writer: Connection[Row], signals: Sequence[Signal], rows: Sequence[Row]) -> list[Appended]:
        with _turn(writer, self._place.lock):
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
def _turn(writer: Connection[Row], lock: int) -> Iterator[None]:
    with writer.transaction():
        # A statement of its own, so that the next one sees what the one before us committed.
        writer.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        reached("journal.begun")
        yield
        reached("journal.written")
    reached("journal.committed")
