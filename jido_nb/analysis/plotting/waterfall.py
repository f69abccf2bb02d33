"""`waterfall`: effects side by side, each with its attempts and the waits between them."""

from datetime import datetime
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ..frames.attempts import attempts_df
from ..source import Source
from .canvas import FAINT, GRID, INK, OUTCOMES, axes_for, duration, empty, row_labels, time_unit, title, write
from .effect_names import effect_names
from .rows import rows_of

COLUMNS = ("conversation_id", "effect_id", "attempt", "started", "outcome", "duration_ms", "first_chunk_ms", "wait_ms",
           "error_category", "http_status")  # fmt: skip


class _Bar(NamedTuple):
    """One attempt: when it began after the first attempt of its effect, and what became of it. Milliseconds."""

    start_ms: float
    length_ms: float | None
    first_chunk_ms: float | None
    outcome: str
    wait_ms: float | None
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
    frame = source if isinstance(source, pd.DataFrame) else attempts_df(source, subject=subject, columns=COLUMNS)
    if isinstance(source, pd.DataFrame) and subject is not None:
        frame = frame[frame["conversation_id"] == subject]
    effects = _effects(frame)
    names = effect_names(effects)
    if effect_id is not None:
        effects = {key: bars for key, bars in effects.items() if key[1] == effect_id}
    shown = dict(list(effects.items())[-limit:])
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
    ax.set_xlim(0, 1.45 * longest / scale)
    ax.set_xlabel(f"time since the effect began ({unit})", color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    used = {bar.outcome for bars in shown.values() for bar in bars}
    keys = [Patch(facecolor=look.color, hatch=look.hatch, edgecolor="white", label=name)
            for name, look in OUTCOMES.items() if name in used]  # fmt: skip
    ax.legend(handles=keys, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(keys), frameon=False, fontsize=8)
    return ax


def _effects(frame: pd.DataFrame) -> dict[tuple[str, str], list[_Bar]]:
    effects: dict[tuple[str, str], list[_Bar]] = {}
    starts: dict[tuple[str, str], datetime] = {}
    for row in rows_of(frame, COLUMNS, "attempts_df"):
        key = (row["conversation_id"], row["effect_id"])
        start_ms = (row["started"] - starts.setdefault(key, row["started"])).total_seconds() * 1000
        outcome = row["outcome"]
        why = row["http_status"] or row["error_category"]
        label = str(why) if why is not None and outcome in ("failed", "retried") else outcome
        bar = _Bar(start_ms, row["duration_ms"], row["first_chunk_ms"], outcome, row["wait_ms"], label)
        effects.setdefault(key, []).append(bar)
    return effects


def _draw(ax: Axes, row: int, bars: list[_Bar], longest: float, scale: float) -> None:
    end = 0.0
    for place, bar in enumerate(bars):
        look = OUTCOMES.get(bar.outcome, OUTCOMES["running"])
        # An attempt without an end (it runs, or a crash took it) is open to the right.
        length = bar.length_ms if bar.length_ms is not None else max(bar.first_chunk_ms or 0.0, longest * 0.02)
        first = length if bar.first_chunk_ms is None else min(bar.first_chunk_ms, length)
        for left, width, alpha in ((0.0, first, 0.45), (first, length - first, 1.0)):
            ax.barh(row, width / scale, left=(bar.start_ms + left) / scale, height=0.62, linewidth=0, alpha=alpha,
                    facecolor=look.color, hatch=look.hatch, edgecolor="white")  # fmt: skip
        ax.plot([bar.start_ms / scale] * 2, [row - 0.38, row + 0.38], color=INK, linewidth=1.2)
        if bar.wait_ms is not None:
            begin = bar.start_ms + length
            end = bars[place + 1].start_ms if place + 1 < len(bars) else begin + bar.wait_ms
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
    if bars[-1].outcome == "retried":
        words.append("no other attempt")
    elif bars[-1].length_ms is not None:
        words[-1] += f" in {duration(bars[-1].start_ms + bars[-1].length_ms)}"
    return ", ".join(words) if len(words) <= 5 else f"{len(bars)} attempts, {words[-1]}"


def _end(bar: _Bar) -> float:
    length = bar.length_ms if bar.length_ms is not None else bar.first_chunk_ms or 0.0
    return bar.start_ms + length + (bar.wait_ms or 0.0)
