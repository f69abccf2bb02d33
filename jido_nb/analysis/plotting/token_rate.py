"""`token_rate`: how fast answers streamed."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from ..frames.attempts import attempts_df
from ..frames.chunks import chunks_df
from ..source import Source, opened
from ..words import counted
from .canvas import GRID, INK, axes_for, empty, leave_room, legend_above, row_labels, time_unit, title, write
from .effect_names import effect_names
from .rows import last_of, rows_of

CHUNK_NAMES = ("conversation_id", "effect_id", "attempt", "kind", "at_ms", "chars")
TOKEN_NAMES = ("conversation_id", "effect_id", "attempt", "output_tokens")

Key: TypeAlias = tuple[Any, ...]
"""Conversation, effect, number of the attempt."""
Numbers: TypeAlias = npt.NDArray[np.float64]

BINS = 120
WIDE_BIN_MS = 25.0
"""Bins are at least this wide, as far as that leaves twenty of them: chunks are a few hundredths of a second apart."""
ROW_HEIGHT = 0.8
LOOKS = (("text", "#0072B2", ""), ("thinking", "#CC79A7", "////"))


class Stream(NamedTuple):
    """One attempt: arrivals (ms), amounts (tokens or characters) and which of them were thinking."""

    label: str
    at_ms: Numbers
    amounts: Numbers
    thinking: npt.NDArray[np.bool_]

    def rates(self, edges: Numbers, kind: str) -> Numbers:
        """Amount per second in each bin, of one kind."""
        chosen = self.thinking if kind == "thinking" else ~self.thinking
        sums, _ = np.histogram(self.at_ms[chosen], edges, weights=self.amounts[chosen])
        return np.asarray(sums / (edges[1] - edges[0]) * 1000, float)

    def told(self, unit: str, bin_ms: float) -> str:
        """Its mean speed in words. The first chunk has no time before it inside the stream, so it does not count."""
        streamed_ms = float(self.at_ms[-1] - self.at_ms[0])
        total = float(self.amounts.sum())
        if streamed_ms <= bin_ms:
            return counted(round(total), unit.removesuffix("s")) + " at once"
        return f"{(total - float(self.amounts[0])) / streamed_ms * 1000:,.0f} {unit}/s, {total:,.0f} in all"


def token_rate(
    source: Source | pd.DataFrame,
    *,
    subject: str | None = None,
    effect_id: str | None = None,
    limit: int = 12,
    ax: Axes | None = None,
) -> Axes:
    """Speed over time, one row per attempt that streamed, all rows on the same scale; thinking is hatched.

    In tokens per second where every attempt shown reports its output tokens (spread over its chunks by their length,
    thinking included), else in characters per second. A single attempt gets an axis with the numbers.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or a `chunks_df` (which
            knows characters only).
        subject: Only this conversation.
        effect_id: Only this effect.
        limit: The last so many attempts.
        ax: Where to draw; None makes a figure.
    """
    tokens: dict[Key, int] = {}
    if isinstance(source, pd.DataFrame):
        chunks = source if subject is None else source[source["conversation_id"] == subject]
    else:
        with opened(source, subject) as found:
            log = found.journal if found.journal is not None else found.records
            chunks = chunks_df(log, subject=found.subject)
            attempts = rows_of(attempts_df(log, subject=found.subject), TOKEN_NAMES, "attempts_df")
        tokens = {_key(row): row["output_tokens"] for row in attempts if row["output_tokens"] is not None}
    groups: dict[Key, list[dict[str, Any]]] = {}
    for row in rows_of(chunks, CHUNK_NAMES, "chunks_df"):
        groups.setdefault(_key(row), []).append(row)
    names = _names(groups)
    if effect_id is not None:
        groups = {key: rows for key, rows in groups.items() if key[1] == effect_id}
    shown = last_of(groups, limit)
    in_tokens = bool(shown) and all(key in tokens for key in shown)
    unit = "tokens" if in_tokens else "characters"
    ax = axes_for(ax, height=3.6 if len(shown) < 2 else 1.5 + 0.5 * len(shown),
                  summary=f"{unit} per second of {len(shown)} attempts")  # fmt: skip
    if not shown:
        title(ax, "Streaming speed")
        return empty(ax, "nothing was streamed in this log")
    streams = [_stream(names[key], groups[key], tokens.get(key) if in_tokens else None) for key in shown]
    _draw(ax, streams, unit, "" if len(shown) == len(groups) else f", the last {len(shown)} of {len(groups)} attempts")
    return ax


def _key(row: dict[str, Any]) -> Key:
    return row["conversation_id"], row["effect_id"], row["attempt"]


def _names(keys: Sequence[Key] | dict[Key, Any]) -> dict[Key, str]:
    names = effect_names((key[0], key[1]) for key in keys)
    repeated = {key[:2] for key in keys if key[2] > 1}
    return {key: names[key[0], key[1]] + (f", attempt {key[2]}" if key[:2] in repeated else "") for key in keys}


def _stream(label: str, rows: list[dict[str, Any]], tokens: int | None) -> Stream:
    chars = np.array([row["chars"] for row in rows], float)
    amounts = chars if tokens is None or not chars.sum() else chars * (tokens / chars.sum())
    at_ms = np.array([row["at_ms"] for row in rows], float)
    return Stream(label, at_ms, amounts, np.array([row["kind"] == "thinking" for row in rows]))


def _draw(ax: Axes, streams: Sequence[Stream], unit: str, selection: str) -> None:
    longest = max(float(stream.at_ms[-1]) for stream in streams) or 1.0
    bin_ms = max(min(WIDE_BIN_MS, longest / 20), longest / BINS)
    edges = np.arange(0, longest + 2 * bin_ms, bin_ms)
    rates = [{kind: stream.rates(edges, kind) for kind, _, _ in LOOKS} for stream in streams]
    moving = np.concatenate([rate[rate > 0] for each in rates for rate in each.values()])
    # A provider that empties a buffer makes a spike that would flatten all else: cut it, and say so.
    top = float(moving.max()) if len(streams) == 1 else min(float(moving.max()), 1.6 * float(np.percentile(moving, 90)))
    scale, time = time_unit(longest)
    several = len(streams) > 1
    for row, (stream, each) in enumerate(zip(streams, rates, strict=True)):
        base = np.full(len(edges) - 1, row + ROW_HEIGHT / 2 if several else 0.0)
        size = -ROW_HEIGHT / top if several else 1.0
        for kind, color, hatch in LOOKS:
            heights = base + np.minimum(each[kind], top) * size
            ax.stairs(heights, edges / scale, baseline=base, fill=True, facecolor=color, hatch=hatch,
                      edgecolor="white", linewidth=0, label=kind)  # fmt: skip
            base = heights
        if several:
            ax.plot([0, longest / scale], [row + ROW_HEIGHT / 2] * 2, color=GRID, linewidth=0.8, zorder=0)
        place = (edges[np.searchsorted(edges, stream.at_ms[-1], "right")] + longest * 0.012) / scale
        write(ax, place, row if several else top / 2, stream.told(unit, bin_ms), fontsize=8)
    scales = f"bins of {bin_ms:,.3g} ms"
    if several:
        row_labels(ax, [stream.label for stream in streams])
        scales += f", each row {top:,.0f} {unit} per second high" + (", spikes cut" if moving.max() > top else "")
        title(ax, f"Streaming speed{selection}")
    else:
        ax.set_ylim(0, top * 1.08)
        ax.set_ylabel(f"{unit} per second", color=INK)
        ax.grid(axis="y", color=GRID, linewidth=0.6)
        title(ax, f"Streaming speed of {streams[0].label}{selection}")
    leave_room(ax, longest / scale)
    ax.set_xlabel(f"time since the attempt began ({time})\n{scales}", color=INK)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    if any(stream.thinking.any() for stream in streams):
        legend_above(ax, ax.get_legend_handles_labels()[0][:2])
