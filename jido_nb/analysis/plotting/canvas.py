"""Where plots are drawn: an Axes that shows itself in a notebook, and the marks that tell outcomes apart.

No pyplot: nothing is registered anywhere, so a plot that nobody keeps is gone, and a thousand plots leak nothing.
Colours are the Okabe-Ito set; every colour comes with a hatch or a word, so that all plots read in grey, too.
Text from a log is drawn as it is, never as mathematics: a `$` in a conversation's name is a dollar sign.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..html import shorten

LABEL_CHARS = 40
"""Of a row's label."""
INK = "#333333"
FAINT = "#888888"
GRID = "#dddddd"

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))


class Look(NamedTuple):
    """How one outcome is drawn."""

    color: str
    hatch: str


OUTCOMES = {
    "completed": Look("#009E73", ""),
    "retried": Look("#E69F00", "///"),
    "failed": Look("#D55E00", "xxx"),
    "canceled": Look("#999999", "\\\\\\"),
    "running": Look("#56B4E9", "..."),
}


class PlotAxes(Axes):
    """An Axes that is shown as its picture where it is the value of a cell. `summary` is what text front ends show."""

    summary = "plot"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = BytesIO()
        figure = self.get_figure(root=True)
        if figure is not None:
            figure.savefig(picture, format="png", dpi=100)
        return {"text/plain": f"<{self.summary}>", "image/png": picture.getvalue()}


def axes_for(ax: Axes | None, *, width: float = 9.0, height: float = 4.0, summary: str = "plot") -> Axes:
    """The given Axes, or a new one on a figure of its own, `width` by `height` inches."""
    if ax is None:
        figure = Figure(figsize=(width, height), layout="constrained")
        ax = figure.add_subplot(axes_class=PlotAxes)
        ax.summary = summary  # type: ignore[attr-defined]
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=9)
    ax.set_axisbelow(True)
    return ax


def title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize=11, color=INK, parse_math=False)


def write(ax: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Plain text at data coordinates."""
    style: dict[str, Any] = {"fontsize": 9, "color": INK, "va": "center", "parse_math": False}
    ax.text(x, y, text, **(style | how))


def row_labels(ax: Axes, labels: Sequence[str]) -> None:
    """Labels of rows 0, 1, ..., the first on top; long ones are cut, or they would leave the rows no room."""
    ax.set_yticks(range(len(labels)), labels=[shorten(label, LABEL_CHARS) for label in labels], parse_math=False)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def plain_legend(ax: Axes, **how: Any) -> None:
    """A legend whose words are drawn as they are."""
    style: dict[str, Any] = {"frameon": True, "framealpha": 0.85, "edgecolor": "none", "fontsize": 8}
    for text in ax.legend(**(style | how)).get_texts():
        text.set_parse_math(False)


def empty(ax: Axes, text: str) -> Axes:
    """Says that there is nothing to draw."""
    ax.text(0.5, 0.5, text, ha="center", va="center", color=FAINT, transform=ax.transAxes, parse_math=False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def duration(ms: float) -> str:
    """A duration for people: `85 ms`, `1.25 s`, `2 min 5 s`, `3 h 20 min`, `4 days`."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.3g} s"
    seconds = round(ms / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "")
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{minutes / 1440:.3g} days"


def time_unit(longest_ms: float) -> tuple[float, str]:
    """What to divide milliseconds by, and the unit, for an axis that is `longest_ms` long."""
    return (1.0, "ms") if longest_ms < 2000 else (1000.0, "s")
