"""`latency`: how long people waited, as the share of attempts that were at least that quick."""

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ...errors import ConfigError
from ..frames.attempts import attempts_df
from ..source import Source
from ..words import counted
from .canvas import GRID, INK, axes_for, duration, empty, legend_of_lines, time_unit, title
from .rows import check_attempts
from .series import lines_of

Value = Literal["first_chunk_ms", "duration_ms"]
WORDS = {"first_chunk_ms": "time to the first chunk", "duration_ms": "duration of an attempt"}


def latency(
    source: Source | pd.DataFrame,
    value: Value = "first_chunk_ms",
    *,
    by: str = "backend",
    subject: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The cumulative distribution of a latency over completed attempts, one step line per backend.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or an `attempts_df`.
        value: `first_chunk_ms` or `duration_ms`.
        by: Column of `attempts_df` to compare by.
        subject: Only this conversation.
        ax: Where to draw; None makes a figure.

    Raises:
        ConfigError: an unknown `value` or `by`.
    """
    if value not in WORDS:
        raise ConfigError(f"value is {' or '.join(WORDS)}, not {value!r}", field="value", value=value)
    frame = source if isinstance(source, pd.DataFrame) else attempts_df(source, subject=subject)
    check_attempts(frame, (by, "outcome", value, *(() if subject is None else ("conversation_id",))))
    known = frame[(frame["outcome"] == "completed") & frame[value].notna()]
    if isinstance(source, pd.DataFrame) and subject is not None:
        known = known[known["conversation_id"] == subject]
    ax = axes_for(ax, summary=f"{WORDS[value]} of {len(known)} attempts by {by}")
    lines, more = lines_of(known, by)
    title(ax, f"{WORDS[value].capitalize()}, completed attempts{more}")
    if known.empty:
        return empty(ax, "no completed attempts with this number in this log")
    scale, unit = time_unit(float(known[value].max()))
    for name, group, style, marker in lines:
        times = np.sort(group[value].to_numpy(dtype=float))
        share = np.arange(1, len(times) + 1) / len(times)
        label = f"{name}: {counted(len(times), 'attempt')}, median {duration(float(np.median(times)))}"
        ax.step(
            np.concatenate(([times[0]], times)) / scale, np.concatenate(([0.0], share)), where="post", label=label,
            marker=marker if len(times) < 30 else "", markersize=3.5, **style,
        )  # fmt: skip
    ax.set_xlim(left=0)
    ax.set_ylim(0, 1.03)
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.set_xlabel(f"{WORDS[value]} ({unit})", color=INK)
    ax.set_ylabel("share of attempts", color=INK)
    ax.grid(color=GRID, linewidth=0.6)
    legend_of_lines(ax, len(lines))
    return ax
