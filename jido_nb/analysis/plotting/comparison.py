"""The plot of a `Comparison`: the two answers to each question as two marks on one line."""

import pandas as pd
from matplotlib.axes import Axes

from ...errors import ConfigError
from .canvas import (
    GRID,
    INK,
    SERIES,
    axes_for,
    duration,
    empty,
    leave_room,
    legend_above,
    row_labels,
    time_unit,
    title,
    write,
)
from .rows import rows_of

LIMIT = 40
LABEL_CHARS = 36
LOOKS = (("o", 5.5, SERIES[0], SERIES[0]), ("D", 8.5, SERIES[1], "white"))
"""Of a and of b: marker, its size, edge and filling. A small full circle inside a large open diamond shows both."""


def plot_comparison(frame: pd.DataFrame, names: tuple[str, str], value: str, ax: Axes | None) -> Axes:
    """One row per pair of `Comparison.turns_df()`, a filled circle for a and an open diamond for b.

    Raises:
        ConfigError: the frame has no such number.
    """
    columns = (f"{value}_a", f"{value}_b")
    if any(name not in frame.columns or not pd.api.types.is_numeric_dtype(frame[name]) for name in columns):
        known = [name.removesuffix("_a") for name in frame.columns
                 if name.endswith("_a") and pd.api.types.is_numeric_dtype(frame[name])]  # fmt: skip
        raise ConfigError(f"value is one of {', '.join(known)}, not {value!r}", field="value", value=value)
    rows = rows_of(frame, ("pair", "prompt", "status_a", "status_b", *columns), "comparison")
    shown = rows[-LIMIT:]
    ax = axes_for(ax, height=1.5 + 0.34 * max(2, len(shown)), summary=f"{value} of {len(shown)} pairs")
    title(ax, f"{_words(value)}, turn by turn" + ("" if len(rows) == len(shown) else f", the last {LIMIT}"))
    numbers = [float(row[name]) for row in shown for name in columns if row[name] is not None]
    if not numbers:
        return empty(ax, "no turn on either side has this number")
    in_ms = value.endswith("_ms")
    scale, unit = time_unit(max(numbers)) if in_ms else (1.0, _unit(value))
    longest = max(numbers) or 1.0
    for place, row in enumerate(shown):
        both = [None if row[name] is None else float(row[name]) for name in columns]
        ends = [number / scale for number in both if number is not None]
        if len(ends) == 2:
            ax.plot(ends, [place, place], color=GRID, linewidth=2.5, zorder=1, solid_capstyle="butt")
        end = max(ends, default=0.0) + 0.025 * longest / scale
        write(ax, end, place, _told(row, both, names, in_ms), fontsize=8)
    for side, (marker, size, edge, fill) in enumerate(LOOKS):
        points = [(float(row[columns[side]]) / scale, place) for place, row in enumerate(shown)
                  if row[columns[side]] is not None]  # fmt: skip
        ax.plot([x for x, _ in points], [y for _, y in points], linestyle="none", marker=marker, markersize=size,
                markerfacecolor=fill, markeredgecolor=edge, markeredgewidth=1.6, label=names[side], clip_on=False,
                zorder=3 - side)  # fmt: skip
    row_labels(ax, [f"{row['pair']}. {_short(row['prompt'])}" for row in shown])
    leave_room(ax, 1.02 * longest / scale)
    ax.tick_params(axis="y", pad=8)  # a mark at zero is half outside
    ax.set_xlabel(_words(value).lower() + (f" ({unit})" if unit else ""), color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    legend_above(ax, ax.get_legend_handles_labels()[0])
    return ax


def _told(row: dict[str, object], both: list[float | None], names: tuple[str, str], in_ms: bool) -> str:
    """How far b is from a, and which of them did not complete."""
    words = []
    a, b = both
    if a is not None and b is not None:
        amount = duration(abs(b - a)) if in_ms else f"{abs(b - a):,.4g}"
        words.append("equal" if a == b else f"{'+' if b > a else '-'}{amount}")
    statuses = [row["status_a"], row["status_b"]]
    if statuses[0] == statuses[1] != "completed":
        words.append(f"both {statuses[0]}")
    else:
        others = [(name, status or "not asked") for name, status in zip(names, statuses, strict=True)]
        words += [f"{name} {status}" for name, status in others if status != "completed"]
    return ", ".join(words)


def _words(value: str) -> str:
    return value.removesuffix("_ms").removesuffix("_usd").replace("_", " ").capitalize()


def _unit(value: str) -> str:
    return "US dollars" if value.endswith("_usd") else ""


def _short(prompt: str | None) -> str:
    line = " ".join((prompt or "").split())
    return line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1] + "…"
