"""Reading a journal by columns: what frames ask of a journal that keeps typed columns, without making signals.

A capability beside `Journal`, not part of it: whoever lacks it is read signal by signal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, runtime_checkable

from ..errors import ConfigError, closest
from .codec import COLUMNS, Row
from .packed import PACKED_ROWS, Packed, select_packed

PAGE_ROWS = 500
"""Rows that are read in one go; larger pages fall out of the processor's caches (measured: 500 is the quickest)."""

Query = Callable[[str, tuple[Any, ...]], list[Row]]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the rows behind `after_seq` and up to `last_seq` that `where` lets through.

    Iterate for pages of rows in order of `seq`: the cells of `names`, then the row's `seq`. `body` is text here.
    """

    names: tuple[str, ...]
    where: str
    """A condition on the table `signals AS s`."""
    values: tuple[Any, ...]
    after_seq: int
    last_seq: int
    query: Query
    pack: Callable[[str, tuple[Any, ...]], Row | None] | None = None
    """Gives the one row of a `select_packed`, None where it would be too large. None itself: nothing can be packed."""
    indexed: bool = False
    """Whether an index finds the rows."""

    def __iter__(self) -> Iterator[list[Row]]:
        # `seq` goes last in any case: it says where the next page begins.
        chosen = ", ".join(f"s.{name}" for name in (*self.names, "seq"))
        statement = f"SELECT {chosen} FROM signals AS s WHERE {self._between} ORDER BY s.seq LIMIT ?"  # noqa: S608
        seen = self.after_seq
        while seen < self.last_seq:
            rows = self.query(statement, (*self.values, seen, self.last_seq, PAGE_ROWS))
            if rows:
                yield rows
            if len(rows) < PAGE_ROWS:
                return
            seen = rows[-1][-1]

    def parts(self) -> list[Self]:
        """The same, in parts of about `PACKED_ROWS` rows, in order."""
        width = self.last_seq - self.after_seq
        if width <= PACKED_ROWS:
            return [self]
        # Where an index finds few rows among many, few parts shall hold them; without one, it is quicker to look at all
        # of them than to count first. What holds for both: numbers may be left out in a foreign log, by the million.
        where, values = (self.where, self.values) if self.indexed else ("1", ())
        count = self.query(f"SELECT count(*) FROM signals AS s WHERE {where}", values)[0][0]  # noqa: S608
        step = max(width * PACKED_ROWS // max(count, 1), PACKED_ROWS)
        return [
            replace(self, after_seq=low, last_seq=min(low + step, self.last_seq))
            for low in range(self.after_seq, self.last_seq, step)
        ]

    def packed(self) -> Iterator[tuple[Self, Packed | None]]:
        """Its rows in packed pages, in order: each with the part that it holds, and None where that is too large."""
        assert self.pack is not None
        names = tuple(dict.fromkeys((*self.names, "seq")))
        row = self.pack(select_packed(names, self._between), (*self.values, self.after_seq, self.last_seq))
        middle = (self.after_seq + self.last_seq) // 2
        if row is None and middle > self.after_seq:
            yield from replace(self, last_seq=middle).packed()
            yield from replace(self, after_seq=middle).packed()
        elif row is None:
            yield self, None
        elif row[0]:
            yield self, Packed(row[0], dict(zip(names, row[1:], strict=True)))

    @property
    def _between(self) -> str:
        return f"{self.where} AND s.seq > ? AND s.seq <= ?"


@runtime_checkable
class ColumnReader(Protocol):
    """A journal that gives the columns of its rows."""

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
        """The columns `names`, which are among `codec.COLUMNS`. The filters are those of `Journal.read`.

        What is appended after this is left out.

        Raises:
            ConfigError: a bad pattern, or a column that is not kept.
        """


def check_names(names: Iterable[str]) -> None:
    """Raise ConfigError for a name that is no column."""
    for name in names:
        if name not in COLUMNS:
            message = f"a journal keeps no column {name!r}.{closest(name, COLUMNS)}"
            raise ConfigError(message, field="names", value=name)
