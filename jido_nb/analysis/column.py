"""Columns as values: a frame is a list of them and a stream of rows.

A column says how to get its cell from a row. Rows arrive in batches and each batch becomes one Arrow array per
column, so no Python object outlives its batch, and a frame without rows has the same columns and dtypes as a full one.
Text is plain Arrow text. An Arrow dictionary would be smaller, but pandas (3.1) can neither sort one nor reach `.str`
of it; its own Categorical refuses labels that it has not seen (`fillna`, `where`) and has another dtype for each log,
so that an empty frame could not have the dtypes of a full one. Whoever wants one: `frame.astype({"type": "category"})`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from ..core.signal import well_formed
from ..errors import ConfigError, JidoError, closest

BATCH_ROWS = 8192

TEXT = pa.string()
INT = pa.int64()
FLOAT = pa.float64()
BOOL = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")
"""Cells are microseconds since 1970 in UTC (int) or aware datetimes."""

Row = TypeVar("Row")


class ColumnError(JidoError):
    """A column could not make its cell of one row; `seq` is that row's place in the journal, `cause` the exception."""

    def __init__(self, column: str, seq: int | None, cause: Exception) -> None:
        super().__init__(f"column {column!r} failed at seq {seq}: {type(cause).__name__}: {cause}")
        self.column = column
        self.seq = seq
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column of a frame.

    `dtype` is an Arrow type or its name (`"int64"`, `"string"`, `"double"`); `get` makes the cell, None for missing;
    `doc` says what it holds, with its unit.
    """

    name: str
    dtype: pa.DataType | str
    get: Callable[[Row], Any]
    doc: str = ""

    @property
    def arrow_type(self) -> pa.DataType:
        """Raises ConfigError if `dtype` names no Arrow type."""
        if isinstance(self.dtype, pa.DataType):
            return self.dtype
        try:
            return pa.type_for_alias(self.dtype)
        except (AttributeError, ValueError) as error:
            message = f"column {self.name!r}: {self.dtype!r} is not an Arrow type such as 'int64' or 'string'"
            raise ConfigError(message, field="dtype", value=self.dtype) from error


def choose(standard: Sequence[Column[Row]], columns: Iterable[str | Column[Row]] | None) -> list[Column[Row]]:
    """The columns of a frame: the `standard` ones, or those named and given in `columns`, in that order.

    Raises:
        ConfigError: an unknown or repeated name, or what is no column.
    """
    if columns is None:
        return list(standard)
    if not isinstance(columns, str | Column | Iterable):
        raise _no_column(columns)
    known = {column.name: column for column in standard}
    chosen: dict[str, Column[Row]] = {}
    for column in (columns,) if isinstance(columns, str | Column) else columns:
        if isinstance(column, str):
            if column not in known:
                message = f"no column named {column!r}.{closest(column, known)} Known: {', '.join(known)}"
                raise ConfigError(message, field="columns", value=column)
            column = known[column]
        if not isinstance(column, Column) or not isinstance(column.name, str):
            raise _no_column(column)
        if column.name in chosen:
            raise ConfigError(f"two columns are named {column.name!r}", field="columns", value=column.name)
        chosen[column.name] = column
    return list(chosen.values())


def _no_column(value: Any) -> ConfigError:
    message = f"columns are names of standard ones, or Column(name, dtype, get, doc) of your own, not {value!r}"
    return ConfigError(message, field="columns", value=value)


class CellFault(NamedTuple):
    """A cell that a column could not make, and why; `seq` is None for rows that have none."""

    column: str
    seq: int | None
    cause: Exception


def build_table(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    *,
    order: bool = False,
    faults: list[CellFault] | None = None,
) -> pa.Table:
    """An Arrow table with one row per row.

    Args:
        order: Rows come in any order; sort them by their `.seq`.
        faults: Takes the cells that could not be made, which then stay empty; None raises at the first.

    Raises:
        ColumnError: a column raised, or gave a value that its dtype cannot hold.
    """
    wanted = [*columns, _ORDER] if order else list(columns)
    types = [column.arrow_type for column in wanted]
    parts: list[list[pa.Array]] = [[] for _ in wanted]
    for batch in _batches(rows):
        for column, dtype, part in zip(wanted, types, parts, strict=True):
            part.append(_array(column, dtype, batch, faults))
    arrays = [pa.chunked_array(part, type=dtype) for part, dtype in zip(parts, types, strict=True)]
    sequence = arrays.pop() if order else None
    table = pa.Table.from_arrays(arrays, names=[column.name for column in columns])
    if sequence is None or len(sequence) < 2:
        return table
    # Stable, so that rows which share a signal keep the order they were made in.
    return table.take(pc.array_sort_indices(sequence.combine_chunks()))


def faults_table(faults: Iterable[CellFault]) -> pa.Table:
    """The faults as an Arrow table, one row each."""
    return build_table(_FAULT_COLUMNS, faults)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The same table for pandas, every column with its Arrow dtype."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def build_frame(columns: Sequence[Column[Row]], rows: Iterable[Row], *, order: bool = False) -> pd.DataFrame:
    """`build_table`, as a DataFrame."""
    return to_frame(build_table(columns, rows, order=order))


_ORDER: Column[Any] = Column("seq", INT, lambda row: row.seq)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch


def _array(column: Column[Row], dtype: pa.DataType, batch: list[Row], faults: list[CellFault] | None) -> pa.Array:
    try:
        return pa.array(list(map(column.get, batch)), dtype)
    except Exception:
        # Cell by cell: to find who is to blame, or nobody where a signal that never left memory holds half a surrogate
        # pair, which a stored body does not.
        found: list[CellFault] = []
        cells = [_cell(column, dtype, row, found) for row in batch]
    if found and faults is None:
        name, seq, cause = found[0]
        raise ColumnError(name, seq, cause) from cause
    if faults is not None:
        faults += found
    return pa.array(cells, dtype)


def _cell(column: Column[Row], dtype: pa.DataType, row: Row, faults: list[CellFault]) -> Any:
    try:
        return pa.scalar(well_formed(column.get(row)), dtype).as_py()
    except Exception as cause:
        faults.append(CellFault(column.name, getattr(row, "seq", None), cause))
        return None


_FAULT_COLUMNS: tuple[Column[CellFault], ...] = (
    Column("column", TEXT, lambda f: f.column, "the column that failed"),
    Column("seq", INT, lambda f: f.seq, "place in the journal of the row it failed on"),
    Column("error", TEXT, lambda f: type(f.cause).__name__, "type of the exception"),
    Column("message", TEXT, lambda f: str(f.cause), "what it said"),
)
