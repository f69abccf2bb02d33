"""Reading a journal by columns: what frames ask of a journal that keeps typed columns, without making signals.

Most columns hold few different values. Where several of those are asked for together, as one cell, a row costs one
string instead of many, and whoever reads decodes each combination once.

A capability beside `Journal`, not part of it: whoever lacks it is read signal by signal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from ..errors import ConfigError, closest
from .codec import COLUMNS, Row

PAGE_ROWS = 500
"""Rows that are read in one go; larger pages fall out of the processor's caches (measured: 500 is the quickest)."""


@runtime_checkable
class ColumnReader(Protocol):
    """A journal that gives the columns of its rows."""

    def read_columns(
        self,
        names: Sequence[str | Sequence[str]],
        *,
        types: str | Iterable[str] | None = None,
        subject: str | None = None,
        after_seq: int = 0,
        until_seq: int | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        backend: str | None = None,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Pages of rows in order of `seq`: the cells of `names`, which are among `codec.COLUMNS`, then the row's `seq`.

        Several names in the place of one give one cell, the JSON text of the list of their values. The filters are
        those of `Journal.read`.

        `body` is text here. What is appended while this runs is left out.

        Raises:
            ConfigError: a bad pattern, or a column that is not kept.
        """


def column_pages(
    query: Callable[[str, tuple[Any, ...]], list[Row]],
    names: Sequence[str | Sequence[str]],
    where: str,
    values: tuple[Any, ...],
    after_seq: int,
    last_seq: int,
) -> Iterator[list[Row]]:
    """Pages of `names`, then `seq`, from the table `signals AS s`, behind `after_seq` and up to `last_seq`.

    Raises:
        ConfigError: a name that is no column.
    """
    # `seq` goes last in any case: it says where the next page begins.
    chosen = ", ".join(_cell(name) for name in (*names, "seq"))
    statement = f"SELECT {chosen} FROM signals AS s WHERE {where} AND s.seq > ? AND s.seq <= ? ORDER BY s.seq LIMIT ?"  # noqa: S608
    seen = max(after_seq, 0)
    while seen < last_seq:
        rows = query(statement, (*values, seen, last_seq, PAGE_ROWS))
        if rows:
            yield rows
        if len(rows) < PAGE_ROWS:
            return
        seen = rows[-1][-1]


def _cell(name: str | Sequence[str]) -> str:
    if not isinstance(name, str):
        return f"json_array({', '.join(map(_cell, name))})"
    if name not in COLUMNS:
        message = f"a journal keeps no column {name!r}.{closest(name, COLUMNS)}"
        raise ConfigError(message, field="names", value=name)
    return f"s.{name}"
