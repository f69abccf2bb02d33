"""`retry_heatmap`: a retry matrix as a picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..retry_matrix import COUNTS, RetryMatrix, retry_matrix
from ..source import Source
from ..words import figure
from .canvas import GRID, INK, axes_for, empty, title, write

UNITS = {"ms": "ms", "usd": "US dollars"}


def retry_heatmap(
    source: Source | pd.DataFrame,
    index: str | Sequence[str] = "error_category",
    columns: str | Sequence[str] = ("backend", "stream"),
    values: str = "attempts",
    *,
    aggregate: str = "sum",
    subject: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One cell per combination, darker for more, with its number written in it.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, an `attempts_df`, or a
            matrix that `retry_matrix` gave.
        index, columns, values, aggregate, subject: As for `retry_matrix`; of a matrix that is there, nothing changes.
        ax: Where to draw; None makes a figure.

    Raises:
        ConfigError: an unknown column.
    """
    matrix = source if _is_matrix(source) else retry_matrix(source, index, columns, values, aggregate, subject=subject)
    rows, across = _labels(matrix.index, ", "), _labels(matrix.columns, "\n")
    ax = axes_for(ax, width=2.5 + 1.3 * max(2, len(across)), height=1.6 + 0.45 * max(2, len(rows)),
                  summary=f"retry matrix, {len(rows)} by {len(across)}")  # fmt: skip
    title(ax, values.capitalize() if values in COUNTS else f"{aggregate.capitalize()} of {_with_unit(values)}")
    if matrix.empty:
        return empty(ax, "no attempts in this log")
    cells = matrix.to_numpy(dtype=float, na_value=np.nan)
    top = float(np.nanmax(cells)) if not np.isnan(cells).all() else 0.0
    ax.imshow(cells, cmap="Greys", vmin=0, vmax=max(top, 1.0) * 1.25, aspect="auto")
    for (row, column), cell in np.ndenumerate(cells):
        shade = "white" if not np.isnan(cell) and cell > 0.7 * max(top, 1.0) else INK
        write(ax, column, row, "-" if np.isnan(cell) else figure(cell), ha="center", color=shade)
    for lines, count in ((ax.axhline, len(rows)), (ax.axvline, len(across))):
        for place in range(count + 1):
            lines(place - 0.5, color=GRID, linewidth=0.8)
    ax.set_yticks(range(len(rows)), labels=rows, parse_math=False)
    ax.set_xticks(range(len(across)), labels=across, parse_math=False)
    ax.tick_params(length=0)
    ax.set_xlabel(_names(matrix.columns), color=INK)
    ax.set_ylabel(_names(matrix.index), color=INK)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _labels(axis: pd.Index, between: str) -> list[str]:
    """`stream` and `no stream` for what is true or not, the value itself for the rest."""
    return [
        between.join(
            {"True": str(name), "False": f"no {name}"}.get(str(value), str(value))
            for name, value in zip(axis.names, label if isinstance(label, tuple) else (label,), strict=True)
        )
        for label in axis
    ]


def _is_matrix(source: Source | pd.DataFrame) -> bool:
    """Whether it is a matrix, or the rows of one that somebody chose: numbers only."""
    if isinstance(source, RetryMatrix):
        return True
    return isinstance(source, pd.DataFrame) and all(map(pd.api.types.is_numeric_dtype, source.dtypes))


def _with_unit(name: str) -> str:
    """`wasted (ms)` for `wasted_ms`."""
    what, _, unit = name.rpartition("_")
    return f"{what.replace('_', ' ')} ({UNITS[unit]})" if unit in UNITS else name.replace("_", " ")


def _names(axis: pd.Index) -> str:
    return ", ".join(str(name).replace("_", " ") for name in axis.names)
