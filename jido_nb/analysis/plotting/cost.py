"""`cost`: what answers cost, and how much of it was for attempts that failed (a cancel keeps its text)."""

from math import floor, log10
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ...errors import ConfigError
from ..frames.attempts import attempts_df
from ..source import Source
from ..words import counted
from .canvas import FAINT, GRID, INK, axes_for, empty, leave_room, legend_above, row_labels, title, write
from .rows import check_attempts
from .short_names import short_names

Value = Literal["cost_usd", "tokens"]
TOKENS = ("input_tokens", "output_tokens")
KEPT, WASTED = ("kept", "#0072B2", ""), ("wasted: attempts that failed", "#E69F00", "////")
LIMIT = 24
LABEL_CHARS = 36


def cost(
    source: Source | pd.DataFrame,
    value: Value | None = None,
    *,
    by: str = "model",
    subject: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One bar per model: what its attempts cost, the part of attempts that failed hatched.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or an `attempts_df`.
        value: `cost_usd`, `tokens` (input and output), or None: costs where any attempt has a price, else tokens.
        by: Column of `attempts_df` to compare by.
        subject: Only this conversation.
        ax: Where to draw; None makes a figure.

    Raises:
        ConfigError: an unknown `value` or `by`.
    """
    if value not in (None, "cost_usd", "tokens"):
        raise ConfigError(f"value is cost_usd or tokens, not {value!r}", field="value", value=value)
    frame = source if isinstance(source, pd.DataFrame) else attempts_df(source, subject=subject)
    check_attempts(frame, (by, "outcome", "cost_usd", *TOKENS))
    if isinstance(source, pd.DataFrame) and subject is not None:
        frame = frame[frame["conversation_id"] == subject]
    tokens = frame[list(TOKENS)].astype("Float64").sum(axis=1, min_count=1)
    dollars = frame["cost_usd"].astype("Float64")
    in_dollars = value == "cost_usd" or (value is None and bool(dollars.notna().any()))
    told = _Told("US dollars") if in_dollars else _Told("tokens")
    facts = pd.DataFrame({
        "name": frame[by].astype(object).where(frame[by].notna(), "none").astype(str),
        "amount": dollars if in_dollars else tokens,
        "kept": ~frame["outcome"].isin(["failed", "retried"]).astype(bool),
    })  # fmt: skip
    everyone = sorted(facts.groupby("name"), key=lambda group: -float(group[1]["amount"].sum()))
    groups = everyone[:LIMIT]
    more = f", the {LIMIT} highest of {len(everyone)}" if len(everyone) > LIMIT else ""
    ax = axes_for(ax, height=1.5 + 0.42 * max(2, len(groups)), summary=f"{told.unit} by {by}, {len(groups)} bars")
    title(ax, f"{'Cost' if in_dollars else 'Tokens'} by {by.replace('_', ' ')}{more}")
    if facts["amount"].dropna().empty:
        return empty(ax, "no attempt in this log has a price" if in_dollars else "no attempt in this log tells tokens")
    longest = max(float(group["amount"].sum()) for _, group in groups) or 1.0
    for row, (_, group) in enumerate(groups):
        _draw(ax, row, group, longest, told)
    names = short_names([str(name) for name, _ in groups], LABEL_CHARS)
    row_labels(ax, [names[str(name)] for name, _ in groups])
    leave_room(ax, longest)
    ax.set_xlabel(told.unit, color=INK)
    ax.xaxis.set_major_formatter(lambda amount, _: f"{amount:,.6g}")
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    keys = [Patch(facecolor=color, hatch=hatch, edgecolor="white", label=name) for name, color, hatch in (KEPT, WASTED)]
    legend_above(ax, keys)
    return ax


class _Told:
    """Amounts in words."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def __call__(self, amount: float) -> str:
        if self.unit != "US dollars":
            return counted(round(amount), "token")
        # Four digits that tell, and no exponent: prices of single answers are small.
        places = max(2, 3 - floor(log10(amount))) if amount > 0 else 0
        told = f"{amount:,.{places}f}"
        return f"{told.rstrip('0').rstrip('.') if places > 2 else told} USD"


def _draw(ax: Axes, row: int, group: pd.DataFrame, longest: float, told: _Told) -> None:
    left = 0.0
    wasted = 0.0
    for kept, (_, color, hatch) in ((True, KEPT), (False, WASTED)):
        amount = float(group.loc[group["kept"] == kept, "amount"].sum())
        ax.barh(row, amount, left=left, height=0.6, facecolor=color, hatch=hatch, edgecolor="white", linewidth=0)
        left += amount
        wasted = amount
    unknown = int(group["amount"].isna().sum())
    words = [f"{told(left)} in {counted(len(group), 'attempt')}"]
    if unknown == len(group):
        words = [f"not told by {counted(unknown, 'attempt')}"]
    elif unknown:
        words.append(f"{unknown} of them not told")
    if wasted and left:
        words.append(f"{wasted / left:.0%} wasted")
    write(ax, left + longest * 0.015, row, ", ".join(words), fontsize=8, color=INK if left else FAINT)
