"""`gaps`: how evenly answers streamed, as the share of pauses between chunks that were at least that short."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from ...errors import ConfigError, closest
from ..frames.attempts import attempts_df
from ..frames.chunks import chunks_df
from ..source import Source, opened
from ..words import counted
from .canvas import FAINT, GRID, INK, axes_for, duration, empty, legend_of_lines, title
from .series import lines_of

KEY = ["conversation_id", "effect_id", "attempt"]
SHORTEST_MS = 0.1
"""What came closer together than this came at once, as far as a picture can tell."""
MARKED = 0.95


def gaps(
    source: Source | pd.DataFrame, *, by: str = "backend", subject: str | None = None, ax: Axes | None = None
) -> Axes:
    """The cumulative distribution of the times between neighbouring chunks, one step line per backend.

    The axis is logarithmic: between "evenly, every 20 ms" and "nothing for 5 s, then all at once" lie many lengths.
    The mark on each line is its 95th percentile.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or a `chunks_df`.
        by: Column to compare by: of `chunks_df` (`kind`, `conversation_id`, ...) or, where the source is no frame, of
            `attempts_df`. Of a `chunks_df`, `kind` where it is not said.
        subject: Only this conversation.
        ax: Where to draw; None makes a figure.

    Raises:
        ConfigError: an unknown `by`.
    """
    if isinstance(source, pd.DataFrame):
        chunks = source if subject is None else source[source["conversation_id"] == subject]
        by = "kind" if by == "backend" and by not in chunks.columns else by
    else:
        with opened(source, subject) as found:
            log = found.journal if found.journal is not None else found.records
            chunks = chunks_df(log, subject=found.subject)
            if by not in chunks.columns:
                attempts = attempts_df(log, subject=found.subject)
                chunks = chunks.merge(attempts[[*KEY, *({by} & set(attempts.columns))]], "left", KEY)
    if by not in chunks.columns or "gap_ms" not in chunks.columns:
        missing = by if by not in chunks.columns else "gap_ms"
        message = f"no column named {missing!r} in chunks_df or attempts_df.{closest(missing, chunks.columns)}"
        raise ConfigError(message, field="by", value=missing)
    known = chunks[chunks["gap_ms"].notna()]
    ax = axes_for(ax, summary=f"gaps between {len(known)} chunks by {by}")
    lines, more = lines_of(known, by)
    title(ax, f"Time between neighbouring chunks{more}")
    if known.empty:
        return empty(ax, "no answer in this log came in two chunks or more")
    for name, group, style, marker in lines:
        times = np.sort(np.maximum(group["gap_ms"].to_numpy(dtype=float), SHORTEST_MS))
        share = np.arange(1, len(times) + 1) / len(times)
        middle, high = (float(np.quantile(times, quantile)) for quantile in (0.5, MARKED))
        label = f"{name}: {counted(len(times), 'gap')}, median {_told(middle)}, longest {_told(float(times[-1]))}"
        ax.step(np.concatenate(([times[0]], times)), np.concatenate(([0.0], share)), where="post", label=label,
                **style)  # fmt: skip
        ax.plot([high], [MARKED], marker=marker, color=style["color"], markersize=7, markeredgecolor="white")
    ax.axhline(MARKED, color=FAINT, linewidth=0.8, linestyle=":")
    ax.text(1.005, MARKED, f"{MARKED:.0%}", transform=ax.get_yaxis_transform(), fontsize=8, color=FAINT, va="center")
    ax.set_xscale("log")
    ax.set_ylim(0, 1.03)
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(lambda ms, _: f"≤ {ms:g}" if ms <= SHORTEST_MS else f"{ms:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.set_xlabel("time since the chunk before (ms, logarithmic)", color=INK)
    ax.set_ylabel("share of gaps", color=INK)
    ax.grid(color=GRID, linewidth=0.6)
    legend_of_lines(ax, len(lines))
    return ax


def _told(ms: float) -> str:
    return "at once" if ms <= SHORTEST_MS else f"{ms:.2g} ms" if ms < 10 else duration(ms)
