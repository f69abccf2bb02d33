"""Stored columns as an Arrow table, without a Python object per cell where the journal packs them."""

import os
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from threading import Event

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from ..journal.codec import Row
from ..journal.columns import Columns
from ..journal.packed import MISSING, SEPARATOR, Packed

THREADS = min(os.cpu_count() or 1, 4)
"""Threads that read at once, each over a connection of its own; a journal keeps as many for the next read."""


def stored_table(columns: Columns, schema: pa.Schema) -> pa.Table:
    """The table of `columns`, named and typed by `schema`, in order of `seq`. Raises JournalError."""
    batches = (_of_rows(rows, schema) for rows in columns) if columns.pack is None else _at_once(columns, schema)
    return pa.Table.from_batches(batches, schema)


def unpacked(packed: Packed, names: tuple[str, ...], schema: pa.Schema) -> pa.RecordBatch:
    """The columns `names` of a packed page. Raises ArrowInvalid where it does not say for certain what they are."""
    seqs = _cells(packed, "seq", pa.int64())
    # SQL promises no order to what is joined.
    if not pc.all(pc.less(seqs[:-1], seqs[1:])).as_py():
        raise pa.ArrowInvalid("the rows are not in order")
    arrays = [_cells(packed, name, dtype) for name, dtype in zip(names, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _at_once(columns: Columns, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Reads several parts at a time; all threads have ended when this does, after the pages that they had in hand."""
    stopped = Event()

    def batches(part: Columns) -> list[pa.RecordBatch]:
        pages = takewhile(lambda _: not stopped.is_set(), part.packed())
        return [batch for page, packed in pages for batch in _of_page(page, packed, schema)]

    parts = columns.parts()
    if len(parts) == 1:
        yield from batches(parts[0])
        return
    with ThreadPoolExecutor(THREADS, "jido_nb-columns") as pool:
        try:
            for found in pool.map(batches, parts):
                yield from found
        finally:
            stopped.set()


def _of_page(page: Columns, packed: Packed | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if packed is not None:
        try:
            yield unpacked(packed, page.names, schema)
        except pa.ArrowInvalid:
            packed = None
    if packed is None:
        for rows in page:
            yield _of_rows(rows, schema)


def _of_rows(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    # The journal puts the row's seq behind the cells that were asked for.
    cells = zip(zip(*rows, strict=True), schema.types, strict=False)
    return pa.RecordBatch.from_arrays([pa.array(column, dtype) for column, dtype in cells], schema=schema)


def _cells(packed: Packed, name: str, dtype: pa.DataType) -> pa.Array:
    joined, rows = packed.columns[name], packed.rows
    if joined == ((MISSING + SEPARATOR) * rows)[:-1]:
        return pa.nulls(rows, dtype)
    ends = pa.py_buffer(array("i", (0, len(joined))))
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(joined)])
    cells = pc.split_pattern(whole, SEPARATOR).values
    if len(cells) != rows:
        raise pa.ArrowInvalid(f"a cell of {name} holds a separator")
    missing = pc.equal(cells, MISSING)
    if missing.true_count:
        cells = pc.if_else(missing, None, cells)
    text = cells.cast(pa.string())
    return text if dtype == pa.string() else text.cast(pa.int64()).cast(dtype)
