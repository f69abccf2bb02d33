"""`timeline`: when what happened, one row per conversation, with long pauses folded away."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from ..source import Source
from ..words import counted
from .attempt_rows import attempt_rows
from .canvas import FAINT, GRID, INK, OUTCOMES, axes_for, duration, empty, outcome_legend, row_labels, title, write
from .rows import last_of
from .short_names import short_names

FOLDED_SHARE = 0.5
"""A pause of everybody that is longer than this share of the busy time is folded."""
FOLDED_WIDTH = 0.04
"""How wide a folded pause is, as a share of the busy time."""


class _Bar(NamedTuple):
    """One attempt, in milliseconds since the first one began."""

    begin_ms: float
    end_ms: float
    wait_ms: float
    outcome: str


class _Fold(NamedTuple):
    """A pause: where it is, and how much of it is left out."""

    begin_ms: float
    end_ms: float
    left_out_ms: float


def timeline(
    source: Source | pd.DataFrame, *, subject: str | None = None, limit: int = 40, ax: Axes | None = None
) -> Axes:
    """One row per conversation, all on one clock: each attempt a bar, each wait before another a dashed line.

    Pauses in which nothing at all happened are folded where they are long, and say how long they were.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or an `attempts_df`.
        subject: Only this conversation.
        limit: The last so many conversations.
        ax: Where to draw; None makes a figure.
    """
    rows = attempt_rows(source, subject)
    everyone = list(dict.fromkeys(row["conversation_id"] for row in rows))
    shown = last_of(everyone, limit)
    rows = [row for row in rows if row["conversation_id"] in set(shown)]
    ax = axes_for(ax, height=1.5 + 0.32 * max(2, len(shown)), summary=f"timeline of {len(shown)} conversations")
    count = counted(len(everyone), "conversation")
    of = f" of {count}" if len(shown) == len(everyone) else f" of the last {len(shown)} of {count}"
    title(ax, "Timeline" + (of if shown else ""))
    if not rows:
        return empty(ax, "no attempts in this log")
    zero = min(row["started"] for row in rows)
    bars: dict[str, list[_Bar]] = {name: [] for name in shown}
    for row in rows:
        bars[row["conversation_id"]].append(_bar(row, zero))
    everything = [bar for each in bars.values() for bar in each]
    folds = _folds(everything)
    length = _at(max(bar.end_ms + bar.wait_ms for bar in everything), folds) or 1.0
    scale, unit = _unit(length)
    for place, each in enumerate(bars.values()):
        for bar in each:
            _draw(ax, place, bar, folds, scale, length)
    for fold in folds:
        _draw_fold(ax, fold, folds, scale, len(shown))
    names = short_names(shown)
    row_labels(ax, [names[name] for name in shown])
    ax.set_xlim(-0.005 * length / scale, 1.01 * length / scale)
    ax.set_xlabel(f"time since {zero:%Y-%m-%d %H:%M:%S} UTC ({unit}{', pauses folded' if folds else ''})", color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    used = {bar.outcome for bar in everything}
    outcome_legend(ax, used)
    return ax


def _bar(row: dict[str, Any], zero: datetime) -> _Bar:
    begin = (row["started"] - zero).total_seconds() * 1000
    waited = row["waited_ms"] if row["waited_ms"] is not None else row["wait_ms"]
    return _Bar(begin, begin + row["length_ms"], waited or 0.0, row["outcome"])


def _folds(bars: Iterable[_Bar]) -> list[_Fold]:
    """The long pauses of everybody together."""
    busy: list[list[float]] = []
    for bar in sorted(bars):
        end = bar.end_ms + bar.wait_ms
        if busy and bar.begin_ms <= busy[-1][1]:
            busy[-1][1] = max(busy[-1][1], end)
        else:
            busy.append([bar.begin_ms, end])
    total = sum(end - begin for begin, end in busy) or 1.0
    pauses = [(one[1], other[0]) for one, other in pairwise(busy)]
    width = FOLDED_WIDTH * total
    return [_Fold(begin, end, end - begin - width) for begin, end in pauses if end - begin > FOLDED_SHARE * total]


def _at(ms: float, folds: Sequence[_Fold]) -> float:
    """Where a moment is drawn: without what is folded before it."""
    return ms - sum(fold.left_out_ms for fold in folds if fold.end_ms <= ms)


def _draw(ax: Axes, row: int, bar: _Bar, folds: Sequence[_Fold], scale: float, length: float) -> None:
    look = OUTCOMES.get(bar.outcome, OUTCOMES["running"])
    begin, end = _at(bar.begin_ms, folds), _at(bar.end_ms, folds)
    ax.barh(row, max(end - begin, 0.003 * length) / scale, left=begin / scale, height=0.6, facecolor=look.color,
            hatch=look.hatch, edgecolor="white", linewidth=0)  # fmt: skip
    if bar.wait_ms:
        ends = [end / scale, (end + bar.wait_ms) / scale]
        ax.plot(ends, [row, row], color=FAINT, linewidth=1.6, linestyle=(0, (2, 1.5)))


def _draw_fold(ax: Axes, fold: _Fold, folds: Sequence[_Fold], scale: float, rows: int) -> None:
    begin, end = _at(fold.begin_ms, folds) / scale, _at(fold.end_ms, folds) / scale
    ax.axvspan(begin, end, facecolor="#f0f0f0", edgecolor=FAINT, hatch="....", linewidth=0, zorder=0)
    write(ax, (begin + end) / 2, (rows - 1) / 2, f"{duration(fold.end_ms - fold.begin_ms)} pause", fontsize=7,
          ha="center", rotation=90, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip


def _unit(longest_ms: float) -> tuple[float, str]:
    """As `time_unit`, and in minutes where that reads better."""
    return (1.0, "ms") if longest_ms < 2000 else (1000.0, "s") if longest_ms < 300_000 else (60_000.0, "min")
