"""A value of the notebook as text for a prompt: `str()`, and of tables their schema and their first rows.

A model that is shown the repr of a DataFrame sees what fits on a screen, with the middle of it left out. It is told
what the columns are and how the rows look instead; `{{ df.to_csv() }}` puts in all of it.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

HEAD_ROWS = 5
MAX_COLUMNS = 60
MAX_CELL_CHARS = 120


def as_text(value: Any) -> str:
    """`value` for a prompt."""
    # By name, so that nothing is imported here: whoever has such a value has its library.
    kind = type(value)
    home = (getattr(kind, "__module__", "") or "").partition(".")[0]
    if home in ("pandas", "polars") and kind.__name__ in ("DataFrame", "Series"):
        return _pandas(value) if home == "pandas" else _polars(value)
    return str(value)


def _pandas(value: Any) -> str:
    frame = value if hasattr(value, "columns") else value.to_frame(name="value" if value.name is None else value.name)
    if type(frame.index).__name__ != "RangeIndex":
        frame = frame.rename_axis(index=[name or "index" for name in frame.index.names]).reset_index()
    shown = frame.iloc[:HEAD_ROWS, :MAX_COLUMNS]
    types = [str(kind) for kind in shown.dtypes]
    return _table(frame.shape, [str(name) for name in shown.columns], types, shown.itertuples(index=False, name=None))


def _polars(value: Any) -> str:
    frame = value if hasattr(value, "columns") else value.to_frame()
    shown = frame[:HEAD_ROWS, :MAX_COLUMNS]
    return _table(frame.shape, shown.columns, [str(kind) for kind in shown.dtypes], shown.rows())


def _table(shape: tuple[int, int], names: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    count, width = shape
    schema = "\n".join(f"- {name}: {kind}" for name, kind in zip(names, types, strict=True))
    more = f"\n- and {width - len(names)} more" if width > len(names) else ""
    which = "all rows" if count <= HEAD_ROWS else f"the first {HEAD_ROWS} rows"
    return (
        f"A table of {count} rows and {width} columns:\n{schema}{more}\n\n{which}, as CSV:\n{out.getvalue().rstrip()}"
    )


def _cell(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_CELL_CHARS else f"{text[: MAX_CELL_CHARS - 1]}…"
