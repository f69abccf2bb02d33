"""`waterfall`: effects side by side, each with its attempts and the waits between them."""

from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from ..source import Source
from ..values import as_int
from .attempt_rows import attempt_rows
from .canvas import (
    FAINT,
    GRID,
    INK,
    OUTCOMES,
    axes_for,
    duration,
    empty,
    leave_room,
    outcome_legend,
    row_labels,
    time_unit,
    title,
    write,
)
from .effect_names import effect_names
from .rows import last_of


class _Bar(NamedTuple):
    """One attempt: when it began after the first attempt of its effect, and what became of it. Milliseconds."""

    start_ms: float
    length_ms: float
    ended: bool
    first_chunk_ms: float | None
    outcome: str
    wait_ms: float | None
    waited_ms: float | None
    label: str


def waterfall(
    source: Source | pd.DataFrame,
    *,
    subject: str | None = None,
    effect_id: str | None = None,
    limit: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """One row per effect, drawn from its own start: each attempt a bar, each wait a line, the words at the end.

    The pale part of a bar is the time until the first text or thinking arrived.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or an `attempts_df`.
        subject: Only this conversation.
        effect_id: Only this effect.
        limit: The last so many effects.
        ax: Where to draw; None makes a figure.
    """
    effects = _effects(attempt_rows(source, subject))
    names = effect_names(effects)
    if effect_id is not None:
        effects = {key: bars for key, bars in effects.items() if key[1] == effect_id}
    shown = dict(last_of(effects.items(), limit))
    ax = axes_for(ax, height=1.3 + 0.34 * max(2, len(shown)), summary=f"waterfall of {len(shown)} effects")
    title(
        ax, "Attempts and waits" + ("" if len(shown) == len(effects) else f", the last {len(shown)} of {len(effects)}")
    )
    if not shown:
        return empty(ax, "no attempts in this log")
    longest = max(_end(bar) for bars in shown.values() for bar in bars) or 1.0
    scale, unit = time_unit(longest)
    for row, bars in enumerate(shown.values()):
        _draw(ax, row, bars, longest, scale)
    row_labels(ax, [names[key] for key in shown])
    leave_room(ax, longest / scale)
    ax.set_xlabel(f"time since the effect began ({unit})", color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    used = {bar.outcome for bars in shown.values() for bar in bars}
    outcome_legend(ax, used)
    return ax


def _effects(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[_Bar]]:
    effects: dict[tuple[str, str], list[_Bar]] = {}
    starts: dict[tuple[str, str], datetime] = {}
    for row in rows:
        key = (row["conversation_id"], row["effect_id"])
        start_ms = (row["started"] - starts.setdefault(key, row["started"])).total_seconds() * 1000
        outcome = row["outcome"]
        why = as_int(row["http_status"]) or row["error_category"]
        label = str(why) if why is not None and outcome in ("failed", "retried") else outcome
        ended = row["duration_ms"] is not None
        bar = _Bar(start_ms, row["length_ms"], ended, row["first_chunk_ms"], outcome, row["wait_ms"], row["waited_ms"],
                   label)  # fmt: skip
        effects.setdefault(key, []).append(bar)
    return effects


def _draw(ax: Axes, row: int, bars: list[_Bar], longest: float, scale: float) -> None:
    end = 0.0
    for place, bar in enumerate(bars):
        look = OUTCOMES.get(bar.outcome, OUTCOMES["running"])
        # An attempt without an end (it runs, or a crash took it) is seen even if nothing was heard of it.
        length = bar.length_ms if bar.ended else max(bar.length_ms, longest * 0.02)
        first = length if bar.first_chunk_ms is None else min(bar.first_chunk_ms, length)
        for left, width, alpha in ((0.0, first, 0.45), (first, length - first, 1.0)):
            ax.barh(row, width / scale, left=(bar.start_ms + left) / scale, height=0.62, linewidth=0, alpha=alpha,
                    facecolor=look.color, hatch=look.hatch, edgecolor="white")  # fmt: skip
        ax.plot([bar.start_ms / scale] * 2, [row - 0.38, row + 0.38], color=INK, linewidth=1.2)
        if bar.wait_ms is not None:
            begin = bar.start_ms + length
            end = bars[place + 1].start_ms if place + 1 < len(bars) else _end(bar)
            ax.plot([begin / scale, end / scale], [row, row], color=FAINT, linewidth=1.6, linestyle=(0, (2, 1.5)))
        end = max(end, bar.start_ms + length)
    write(ax, (end + longest * 0.012) / scale, row, _story(bars), fontsize=8)


def _story(bars: list[_Bar]) -> str:
    """The row in words: `503, wait 150 ms, completed in 321 ms`."""
    words = []
    for bar in bars:
        words.append(bar.label)
        if bar.wait_ms is not None:
            words.append(f"wait {duration(bar.wait_ms)}")
    last = bars[-1]
    if last.outcome == "retried":
        cut_short = last.waited_ms is not None and last.waited_ms < (last.wait_ms or 0.0)
        words.append(f"cut short after {duration(last.waited_ms or 0.0)}" if cut_short else "no other attempt")
    elif last.ended:
        words[-1] += f" in {duration(last.start_ms + last.length_ms)}"
    elif last.outcome == "running" and last.length_ms:
        words[-1] += f", {duration(last.start_ms + last.length_ms)} so far"
    return ", ".join(words) if len(words) <= 5 else f"{len(bars)} attempts, {words[-1]}"


def _end(bar: _Bar) -> float:
    waited = bar.waited_ms if bar.waited_ms is not None else bar.wait_ms
    return bar.start_ms + bar.length_ms + (waited or 0.0)
