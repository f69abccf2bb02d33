"""`lifecycle`: one turn in detail, phase by phase, as a staircase over time."""

import pandas as pd
from matplotlib.axes import Axes

from ..source import Source, read_source
from .canvas import (
    FAINT,
    GRID,
    INK,
    OUTCOMES,
    Look,
    axes_for,
    duration,
    empty,
    leave_room,
    row_labels,
    time_unit,
    title,
    write,
)
from .event_log import log_of_frame
from .phases import Phase, turn_phases

TYPES = ("conv.in.**", "conv.effect.**")

LOOKS = {
    "queued": Look("#cccccc", ""),
    "first chunk": Look("#a6cfe8", ""),
    "thinking": Look("#CC79A7", "..."),
    "text": Look("#0072B2", ""),
    "discarded": Look("#7fb2d6", "xxx"),
    "wait": Look("#ffffff", "////"),
    "tool": Look("#000000", ""),
    **OUTCOMES,
}

_CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
"""Behind words, so that no line goes through them."""


def lifecycle(
    source: Source | pd.DataFrame,
    *,
    subject: str | None = None,
    effect_id: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One row per phase of a turn: queued, until the first chunk, thinking, text, wait, attempt after attempt.

    Ticks on a bar are chunks as they arrived. Bars with slanted lines and no filling are waits; crossed ones
    are text that a retry made void.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or an `events_df` with
            all its columns.
        subject: Only this conversation.
        effect_id: The effect to draw; None draws the one that began last.
        ax: Where to draw; None makes a figure.
    """
    log = (
        log_of_frame(source) if isinstance(source, pd.DataFrame) else read_source(source, types=TYPES, subject=subject)
    )
    if isinstance(source, pd.DataFrame) and subject is not None:
        log = (recorded for recorded in log if recorded.signal.subject == subject)
    turn = turn_phases(log, effect_id)
    rows = len(turn.phases) if turn else 2
    status = turn.status if turn else "no turn"
    ax = axes_for(ax, height=1.3 + 0.34 * max(3, rows), summary=f"lifecycle of a turn: {status}, {rows} phases")
    if turn is None:
        title(ax, "One turn")
        return empty(ax, "no effect in this log" if effect_id is None else f"no effect {effect_id} in this log")
    where = f"{_tail(turn.conversation_id)}, {_tail(turn.effect_id)}"
    title(ax, f"One turn, {turn.status} after {duration(turn.end_ms)}: {where}")
    longest = max([turn.end_ms, *(phase.end_ms for phase in turn.phases)]) or 1.0
    scale, unit = time_unit(longest)
    for row, phase in enumerate(turn.phases):
        _draw(ax, row, phase, longest, scale)
    row_labels(ax, [phase.name for phase in turn.phases])
    for at_ms, who in turn.cancels:
        ax.axvline(at_ms / scale, color=INK, linewidth=1, linestyle=":")
        write(ax, at_ms / scale, -0.5, f"{who} ", fontsize=8, ha="right", va="top")
    if turn.status != "running":
        ax.axvline(turn.end_ms / scale, color=INK, linewidth=1)
    leave_room(ax, longest / scale)
    ax.set_xlabel(f"time since the message ({unit})", color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    return ax


def _draw(ax: Axes, row: int, phase: Phase, longest: float, scale: float) -> None:
    look = LOOKS.get(phase.kind, LOOKS["running"])
    length = phase.end_ms - phase.begin_ms
    if phase.kind == "tool":
        ax.plot([phase.begin_ms / scale], [row], marker="D", color=look.color, markersize=6, linestyle="none")
    else:
        edge = FAINT if phase.kind == "wait" else "white"
        ax.barh(row, max(length, longest * 0.002) / scale, left=phase.begin_ms / scale, height=0.62,
                facecolor=look.color, hatch=look.hatch, edgecolor=edge, linewidth=0)  # fmt: skip
    if phase.marks:
        ax.vlines([mark / scale for mark in phase.marks], row + 0.31, row + 0.46, color=INK, linewidth=0.7)
    words = [] if phase.kind == "tool" else [duration(length)]
    text = ", ".join([*words, phase.note] if phase.note else words)
    write(ax, (phase.end_ms + longest * 0.012) / scale, row, text, fontsize=8, bbox=_CLEAR)


def _tail(name: str, limit: int = 36) -> str:
    return name if len(name) <= limit else f"…{name[1 - limit :]}"
