"""Frames as values: how a log becomes rows of one kind, and which columns such a row has.

Every frame is asked in the same way, so the arguments, their filters and their errors live here, once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from .column import CellFault, Column, build_table, choose, faults_table, to_frame
from .damage import damage_of
from .filters import EVERYTHING, Filters, Head, Types, filters_of
from .moments import Moment
from .source import OpenSource, Source, opened

Row = TypeVar("Row")

_ARGUMENTS = """
    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals.
        types: Patterns over the type of the signal that a row begins with: `conv.in.**`, `["**.failed", "**.out.*"]`.
        subject: Only this conversation.
        columns: Names of standard columns and columns of your own, in the order you want them. To add one:
            `columns=[*{name}.columns, mine]`. A column's `get` is given {given}.
        since, until: Only rows that begin at or after the one and before the other: aware datetimes, Timestamps, dates,
            or ISO text, which is UTC unless it says otherwise.
        backend: Only rows of this backend.
        strict: False keeps going where a column fails on a row: the cell stays empty, and the answer is a pair, the
            frame and a frame of the errors (`column`, `seq`, `error`, `message`).

    Raises:
        ConfigError: not a source, a bad filter, an unknown column.
        JournalError: the journal cannot be read, or a payload in it is damaged; it names the file and the `seq`.
        ColumnError: a column failed on a row.
    """


class Tabulated(NamedTuple):
    """What `strict=False` gives: the frame, with empty cells where a column failed, and those failures as a frame."""

    frame: pd.DataFrame
    errors: pd.DataFrame


class Frame(Generic[Row]):
    """A kind of DataFrame. Call it with a source; `columns` are its standard columns."""

    def __init__(
        self,
        name: str,
        doc: str,
        columns: Sequence[Column[Row]],
        rows: Callable[[OpenSource, Filters], Iterable[Row]],
        *,
        given: str,
        head: Callable[[Row], Head] | None = None,
        order: bool = False,
    ) -> None:
        """Say what kind of frame this is.

        Args:
            name: The name it is assigned to, in the module where `rows` lives.
            doc: What one row is, in one sentence.
            rows: Makes the rows; may use the filters to read less, and must leave out nothing that they let through.
            given: What a column's `get` is given, in words.
            head: What filters look at; None where `rows` applies the filters itself.
            order: Rows come in any order, to be sorted by their `.seq`.
        """
        self.__name__ = self.__qualname__ = name
        self.__doc__ = f"{doc}\n{_ARGUMENTS.format(name=name, given=given)}"
        # Pickled by reference, as functions are, so that a pool of processes can map it over many journals.
        self.__module__ = rows.__module__
        self.columns = tuple(columns)
        self.given = given
        self._rows = rows
        self._head = head
        self._order = order

    @overload
    def __call__(
        self,
        source: Source,
        types: Types = None,
        subject: str | None = None,
        columns: Iterable[str | Column[Row]] | None = None,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        backend: str | None = None,
        strict: Literal[True] = True,
    ) -> pd.DataFrame: ...

    @overload
    def __call__(
        self,
        source: Source,
        types: Types = None,
        subject: str | None = None,
        columns: Iterable[str | Column[Row]] | None = None,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        backend: str | None = None,
        strict: Literal[False],
    ) -> Tabulated: ...

    def __call__(
        self,
        source: Source,
        types: Types = None,
        subject: str | None = None,
        columns: Iterable[str | Column[Row]] | None = None,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        backend: str | None = None,
        strict: bool = True,
    ) -> pd.DataFrame | Tabulated:
        chosen, filters = choose(self.columns, columns), filters_of(types, since, until, backend)
        faults: list[CellFault] | None = None if strict else []
        frame = to_frame(self._tabulate(source, subject, filters, chosen, faults))
        return frame if faults is None else Tabulated(frame, to_frame(faults_table(faults)))

    def _tabulate(
        self,
        source: Source,
        subject: str | None,
        filters: Filters,
        columns: Sequence[Column[Row]],
        faults: list[CellFault] | None,
    ) -> pa.Table:
        with opened(source, subject) as found:
            return self.table(found, filters, columns, faults)

    def table(
        self,
        found: OpenSource,
        filters: Filters = EVERYTHING,
        columns: Sequence[Column[Row]] | None = None,
        faults: list[CellFault] | None = None,
    ) -> pa.Table:
        """The frame of a source that is open already, as an Arrow table.

        `faults` takes the cells that could not be made, as with `strict=False`; None raises at the first.
        """
        chosen, head = self.columns if columns is None else columns, self._head
        try:
            rows = self._rows(found, filters)
            if head is not None and filters.narrow:
                rows = (row for row in rows if filters.passes(head(row)))
            return build_table(chosen, rows, order=self._order, faults=faults)
        except ValueError as error:
            damage = damage_of(found)
            if damage is None:
                raise
            raise damage from error

    def __repr__(self) -> str:
        return f"<frame {self.__name__}: {', '.join(column.name for column in self.columns)}>"

    def __reduce__(self) -> str:
        return self.__name__


AnyFrame = Frame[Any]
