"""Stored columns as Arrow arrays, without a Python object per cell where many cells are alike."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]

MAX_COMBINATIONS = 4096
"""Different combinations of shared cells that are remembered; then their rows are written out, and it begins anew."""

_decode = msgspec.json.Decoder(list[Any]).decode


class _Codes(dict[str, int]):
    """Numbers keys in the order in which they are first asked for."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


class SharedCells:
    """Columns whose cells come together, as the JSON text of a list: each combination is decoded once."""

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        self.parts: list[list[pa.Array]] = [[] for _ in types]
        self._types = types
        self._codes = _Codes()
        self._rows = array("i")

    def add(self, cells: Iterable[str]) -> None:
        """Take the cells of some rows in."""
        self._rows.extend(map(self._codes.__getitem__, cells))
        if len(self._codes) > MAX_COMBINATIONS:
            self.flush()

    def flush(self) -> None:
        """Write out what is held into `parts`, one list of arrays per column."""
        combinations = zip(*map(_decode, self._codes), strict=True)
        places = pa.array(self._rows, pa.int32())
        for values, dtype, part in zip(combinations, self._types, self.parts, strict=False):
            part.append(pa.array(values, dtype).take(places))
        self._codes.clear()
        self._rows = array("i")


def table_of_pages(
    names: Sequence[str], types: Sequence[pa.DataType], shared: int, pages: Iterable[list[tuple[Any, ...]]]
) -> pa.Table:
    """A table of stored columns. The first cell of each row holds the first `shared` columns together."""
    together = SharedCells(types[:shared])
    parts: list[list[pa.Array]] = [[] for _ in types[shared:]]
    for rows in pages:
        first, *others = zip(*rows, strict=True)
        together.add(first)
        # The journal puts the row's seq behind the cells that were asked for.
        for cells, dtype, part in zip(others, types[shared:], parts, strict=False):
            part.append(pa.array(cells, dtype))
    together.flush()
    arrays = [pa.chunked_array(part, type=dtype) for part, dtype in zip([*together.parts, *parts], types, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(names))
