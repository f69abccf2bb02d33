"""`retry_matrix`: attempts counted, or any of their columns in one number, over two sets of dimensions."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype

from ..errors import ConfigError, closest
from .aggregates import aggregate_of
from .frames.attempts import attempts_df
from .html import matrix_html
from .source import Source
from .words import figure

NONE = "none"
"""Label of attempts that have no value in a dimension; for `error_category`: those that did not fail."""

COUNTS = ("attempts", "effects", "retries")

Names = str | Sequence[str]

_WIDEST = 40
"""Characters of a label that are shown."""


class RetryMatrix(pd.DataFrame):
    """A DataFrame that also reads at a glance: whole, with its meaning above it, the same whatever pandas is set to.

    What is made of it (a row, a sum, a slice) is a plain DataFrame or Series.
    """

    @property
    def title(self) -> str:
        """What the cells are, by what."""
        across = [str(name) for name in self.columns.names if name is not None]
        return f"{self.attrs.get('cells', 'retry matrix')} by {', '.join(map(str, self.index.names))}" + (
            f" and {', '.join(across)}" if across else ""
        )

    def __repr__(self) -> str:
        if self.empty:
            return f"{self.title}\n  no attempts"
        head = [list(map(_short, line)) for line in self._head()]
        lines = [[*map(_short, label), *cells] for label, cells in self._lines()]
        widths = [max(map(len, cells)) for cells in zip(*head, *lines, strict=True)]
        labels = self.index.nlevels
        return "\n".join([
            self.title,
            *("  " + "  ".join(cell.ljust(width) if place < labels else cell.rjust(width)
                               for place, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
              for line in [*head, *lines]),
        ])  # fmt: skip

    def _repr_html_(self) -> str:
        if self.empty:
            return matrix_html(f"{self.title}: no attempts", [], [])
        return matrix_html(self.title, self._head(), [(list(label), cells) for label, cells in self._lines()])

    def _head(self) -> list[list[str]]:
        """A line per dimension of the columns: its name above the rows' labels, then its labels."""
        blank = [""] * (self.index.nlevels - 1)
        labels = list(map(_parts, self.columns))
        return [[*blank, str(name or ""), *(label[level] for label in labels)]
                for level, name in enumerate(self.columns.names)]  # fmt: skip

    def _lines(self) -> list[tuple[tuple[str, ...], list[str]]]:
        rows = self.to_numpy(dtype=object)
        return [(_parts(label), [figure(cell) for cell in row]) for label, row in zip(self.index, rows, strict=True)]


def retry_matrix(
    source: Source,
    index: Names = "error_category",
    columns: Names = ("backend", "stream"),
    values: str = "attempts",
    aggregate: str = "sum",
    *,
    subject: str | None = None,
) -> RetryMatrix:
    """A table over attempts; labels are sorted, and what never happened is 0 for counts and missing otherwise.

    Args:
        source: Anything that `attempts_df` takes, or a frame that it gave.
        index: Dimensions of the rows: columns of `attempts_df`.
        columns: Dimensions of the columns; none at all gives one column.
        values: `attempts` (requests on the wire), `effects` (distinct ones), `retries` (attempts that were followed by
            another try), or a column of `attempts_df`, such as `wait_ms` or `output_tokens`.
        aggregate: For a column: sum, mean, median, p90, p95, p99, min, max or std of its numbers (of what is true or
            not: the sum, which is how many are true); for any column count, distinct, or rate (the share that is true,
            or that has a value). For `retries`: sum, or rate.
        subject: Only this conversation.

    Raises:
        ConfigError: an unknown column or aggregate, or one that does not go with the other.
    """
    frame = source if isinstance(source, pd.DataFrame) else attempts_df(source, subject=subject)
    rows, across = _names(index, "index"), _names(columns, "columns")
    if not rows:
        raise ConfigError("index names no dimension for the rows, such as 'error_category'", field="index", value=index)
    needed = ("conversation_id", "effect_id", "outcome") if values in COUNTS else (values,)
    for name in (*rows, *across, *needed, *(() if subject is None else ("conversation_id",))):
        if name not in frame.columns:
            known = [*frame.columns, *(COUNTS if name == values else ())]
            message = f"no column named {name!r} in attempts_df.{closest(name, known)}"
            raise ConfigError(message, field="retry_matrix", value=name)
    if isinstance(source, pd.DataFrame) and subject is not None:
        frame = frame[frame["conversation_id"] == subject]
    cells, name = _cells(frame, values, aggregate)
    chosen = aggregate_of(name, cells)
    labels = [_labels(frame[name]) for name in (*rows, *across)]
    table = chosen.of(cells, labels)
    matrix: Any = table.unstack(list(range(len(rows), len(labels)))) if len(table) else _empty(rows, across)
    if isinstance(matrix, pd.Series):
        matrix = matrix.to_frame(values)
    matrix = matrix.sort_index(axis=0).sort_index(axis=1)
    if chosen.counts or (values in COUNTS and name != "rate"):
        matrix = matrix.fillna(0).astype("int64")
    matrix.index, matrix.columns = _plain(matrix.index), _plain(matrix.columns)
    found = RetryMatrix(matrix)
    found.attrs["cells"] = values if values in COUNTS and name != "rate" else f"{name} of {values}"
    return found


def _cells(frame: pd.DataFrame, values: str, aggregate: str) -> tuple[pd.Series, str]:
    """The cells to aggregate, and how: what is counted has its own way."""
    if values not in COUNTS:
        column = frame[values]
        return column.astype("Int64") if aggregate == "sum" and is_bool_dtype(column.dtype) else column, aggregate
    if aggregate not in ("sum", "count") and (values, aggregate) != ("retries", "rate"):
        message = f"{values} are counted; {aggregate} goes with a column such as duration_ms"
        raise ConfigError(message, field="aggregate", value=aggregate)
    if values == "effects":
        ids = frame["conversation_id"].astype(object) + "\0" + frame["effect_id"].astype(object)
        return ids.rename(values), "distinct"
    if values == "retries":
        retried = frame["outcome"].eq("retried").astype(bool).rename(values)
        return retried, "sum" if aggregate == "count" else aggregate
    return frame["outcome"].rename(values), "count"


def _names(names: Names, field: str) -> list[str]:
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable):
        raise ConfigError(f"{field} is a column of attempts_df, or several, not {names!r}", field=field, value=names)
    return list(names)


def _labels(column: pd.Series) -> pd.Series:
    """The cells of a dimension as text that sorts as the cells do, with those that are missing last."""
    known = column.dropna()
    texts = dict.fromkeys(str(value) for value in sorted(known.unique().tolist()))
    labels = column.astype(object).where(column.notna(), NONE).astype(str)
    return pd.Series(pd.Categorical(labels, [*(text for text in texts if text != NONE), NONE], ordered=True),
                     index=column.index, name=column.name)  # fmt: skip


def _plain(labels: pd.Index) -> pd.Index:
    if isinstance(labels, pd.MultiIndex):
        levels = [labels.get_level_values(level).astype(str) for level in range(labels.nlevels)]
        return pd.MultiIndex.from_arrays(levels, names=labels.names)
    return labels.astype(str)


def _empty(rows: list[str], across: list[str]) -> pd.DataFrame:
    return pd.DataFrame(index=_axis(rows), columns=_axis(across), dtype="int64")


def _axis(names: list[str]) -> pd.Index:
    if len(names) == 1:
        return pd.Index([], name=names[0], dtype="str")
    return pd.MultiIndex.from_arrays([[] for _ in names], names=names)


def _parts(label: Any) -> tuple[str, ...]:
    return tuple(map(str, label)) if isinstance(label, tuple) else (str(label),)


def _short(label: str) -> str:
    line = "".join(letter if letter.isprintable() else "�" for letter in label)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
