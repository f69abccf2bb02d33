"""`retry_matrix`: attempts counted, or any of their numbers aggregated, over two sets of dimensions."""

from collections.abc import Sequence

import pandas as pd

from ..errors import ConfigError, closest
from .frames.attempts import attempts_df
from .source import Source

NONE = "none"
"""Label of attempts that have no value in a dimension; for `error_category`: those that did not fail."""

COUNTS = ("attempts", "effects", "retries")

Names = str | Sequence[str]


def retry_matrix(
    source: Source,
    index: Names = "error_category",
    columns: Names = ("backend", "stream"),
    values: str = "attempts",
    aggregate: str = "sum",
) -> pd.DataFrame:
    """A table over attempts; labels are sorted, and what never happened is 0 for counts and missing otherwise.

    Args:
        source: Anything that `attempts_df` takes, or a frame that it gave.
        index: Dimensions of the rows: columns of `attempts_df`.
        columns: Dimensions of the columns.
        values: `attempts` (requests on the wire), `effects` (distinct ones), `retries` (attempts that were followed by
            another try), or a number column of `attempts_df`, such as `wait_ms` or `output_tokens`.
        aggregate: For a number column: sum, mean, median, min, max, or any name that pandas knows.

    Raises:
        ConfigError: an unknown column.
    """
    frame = source if isinstance(source, pd.DataFrame) else attempts_df(source)
    rows, across = _names(index), _names(columns)
    for name in (*rows, *across, *(() if values in COUNTS else (values,))):
        if name not in frame.columns:
            known = [*frame.columns, *(COUNTS if name == values else ())]
            message = f"no column named {name!r} in attempts_df.{closest(name, known)}"
            raise ConfigError(message, field="retry_matrix", value=name)
    labels = [frame[name].astype(object).where(frame[name].notna(), NONE).astype(str) for name in (*rows, *across)]
    if values == "effects":
        cells = frame["conversation_id"].astype(object) + "\0" + frame["effect_id"].astype(object)
        table = cells.groupby(labels).nunique()
    elif values in COUNTS:
        counted = frame["outcome"].eq("retried") if values == "retries" else frame["outcome"].notna()
        table = counted.astype("int64").groupby(labels).sum()
    else:
        table = frame[values].groupby(labels).agg(aggregate)
    matrix = table.unstack(list(range(len(rows), len(labels)))) if len(table) else _empty(rows, across)
    if values in COUNTS:
        matrix = matrix.fillna(0).astype("int64")
    return matrix.sort_index(axis=0).sort_index(axis=1)


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _empty(rows: list[str], across: list[str]) -> pd.DataFrame:
    return pd.DataFrame(index=_axis(rows), columns=_axis(across), dtype="int64")


def _axis(names: list[str]) -> pd.Index:
    if len(names) == 1:
        return pd.Index([], name=names[0], dtype="str")
    return pd.MultiIndex.from_arrays([[] for _ in names], names=names)
