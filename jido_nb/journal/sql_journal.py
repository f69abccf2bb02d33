"""What journals in SQL tables answer alike: reading, in bounded pages, over connections that only read."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from ..core.pattern import compile_types, matching
from ..core.signal import Recorded, Signal
from ..errors import ClosedError, JournalError
from . import sql_statements as sql
from .codec import LARGEST, Row
from .columns import Columns, check_names
from .continuing import unapplied_in
from .protocol import Appended
from .sql_statements import Statements

PAGE = 500
"""Signals that a read takes in one go."""

IDLE_READERS = 4
"""Reading connections that are kept for the next read; more are opened while more threads read at once."""


class SqlJournal(ABC):
    """The reading half of a `Journal`; who derives from it says how to ask, and writes."""

    blocking = True
    location: str
    statements: ClassVar[Statements]

    def __init__(self, location: str) -> None:
        self.location = location
        self._pid = os.getpid()
        self._closed = False
        self._rested: int | None = None

    @abstractmethod
    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        """See `Journal`."""

    @abstractmethod
    def close(self) -> None:
        """See `Journal`."""

    @abstractmethod
    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        """All rows of a statement with `?` for its values. Raises JournalError or ClosedError."""

    _pack: Callable[[str, tuple[Any, ...]], Row | None] | None = None
    """See `columns.Columns`; None where nothing can be packed."""

    @staticmethod
    @abstractmethod
    def _recorded(row: Row) -> Recorded:
        """The signal of one row of `statements.select`."""

    @staticmethod
    @abstractmethod
    def _conditions(
        types: list[str] | None,
        subject: str | None,
        effect_id: str | None,
        since_us: int | None,
        until_us: int | None,
        backend: str | None,
    ) -> tuple[str, tuple[Any, ...]]:
        """The filter of a read, as a condition and its values."""

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
            where, values = self._conditions(wanted, subject, effect_id, since_us, until_us, backend)
            select, order = self.statements.select, "DESC" if newest_first else "ASC"
            statement = f"{select} WHERE {where} AND s.seq > ? AND s.seq <= ? ORDER BY s.seq {order} LIMIT ?"
            while low < high and (left is None or left > 0):
                count = PAGE if left is None else min(PAGE, left)
                rows = self._query(statement, (*values, low, high, count))
                yield from map(self._recorded, rows)
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
    ) -> Columns:
        """For frames; see `columns.ColumnReader`."""
        check_names(names)
        wanted = matching(compile_types(types), self._types)
        where, values = self._conditions(wanted, subject, None, since_us, until_us, backend)
        last = self.last_seq()
        until = last if until_seq is None else min(until_seq, last)
        indexed = subject is not None or (wanted is not None and len(wanted) == 1)
        return Columns(tuple(names), where, values, max(after_seq, 0), until, self._query, self._pack, indexed)

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        if subject is None:
            rows = self._query(self.statements.find_anywhere, (signal_id,))
        else:
            rows = self._query(self.statements.find, (signal_id, subject))
        return self._recorded(rows[0]) if rows else None

    def last_seq(self) -> int:
        return int(self._query(sql.LAST_SEQ)[0][0])

    def subjects(self) -> list[str]:
        return [row[0] for row in self._query(sql.SUBJECTS)]

    def statistics(self) -> dict[str, Any]:
        conversations = self._query(sql.CONVERSATIONS)[0][0]
        return {"signals": self.last_seq(), "conversations": conversations, "bytes": self._size()}

    @abstractmethod
    def _size(self) -> int:
        """Bytes that it takes where it is kept."""

    def unfinished_effects(self) -> list[Recorded]:
        if self._rested is None:
            self._rested = self._kept_rested()
        # Asked first: what comes behind it is looked at the next time.
        last = self.last_seq()
        types = sql.asking_types(self._types())
        found = [
            self._recorded(row) for row in self._query(self.statements.unfinished(len(types)), (*types, self._rested))
        ]
        rested = found[0].seq - 1 if found else last
        if rested > self._rested:
            self._rested = rested
            self._keep_rested(rested)
        return found

    def _kept_rested(self) -> int:
        try:
            kept = self._query(sql.RESTED)
        except JournalError:  # nobody kept it here; a fault of another kind shows in the next question
            return 0
        return int(kept[0][0]) if kept else 0

    @abstractmethod
    def _keep_rested(self, seq: int) -> None:
        """Run `KEEP_RESTED`, if this journal is open for writing and it can be done; see there."""

    def unapplied(self) -> list[Recorded]:
        waiting: list[Recorded] = []
        for (subject,) in self._query(sql.UNEVEN):
            waiting += unapplied_in(self, subject)
        return sorted(waiting, key=lambda recorded: recorded.seq)

    def _types(self) -> list[str]:
        return [row[0] for row in self._query(sql.TYPES)]

    def _check_open(self) -> None:
        if self._pid != os.getpid():
            message = (
                f"the journal {self.location} was opened by process {self._pid} and cannot be used in a fork of it "
                f"({os.getpid()}); open it again there"
            )
            raise JournalError(message, path=self.location)
        if self._closed:
            raise ClosedError(f"the journal {self.location} is closed")
