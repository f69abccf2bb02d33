"""Where plots are drawn: an Axes that shows itself in a notebook, and the marks that tell outcomes apart.

No pyplot: nothing is registered anywhere, so a plot that nobody keeps is gone, and a thousand plots leak nothing.
Colours are the Okabe-Ito set; every colour comes with a hatch or a word, so that all plots read in grey, too.
Text from a log is drawn as it is, never as mathematics: a `$` in a conversation's name is a dollar sign.
"""

import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Patch

from ..html import shorten

LABEL_CHARS = 50
"""Of a row's label."""
MARGIN = 24
"""Pixels beside what is drawn."""
WIDEST = 0.8
"""Share of an axis that words may take; the bars keep the rest."""
INK = "#333333"
FAINT = "#888888"
GRID = "#dddddd"

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))


LEGEND_POINTS = 24
"""Height of a line of legend under a title."""
INSIDE = 5
"""More lines than this have their legend below the axes."""
_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 11, "color": INK, "parse_math": False}


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
            with any_letters():
                figure.savefig(picture, format="png", dpi=100)
        return {"text/plain": f"<{self.summary}>", "image/png": picture.getvalue()}


@contextmanager
def any_letters() -> Iterator[None]:
    """A letter that the font lacks is drawn as a box; a warning for each would bury the picture."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


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
    ax.set_title(text, **_TITLE)


def write(ax: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Plain text at data coordinates."""
    style: dict[str, Any] = {"fontsize": 9, "color": INK, "va": "center", "parse_math": False}
    ax.text(x, y, text, **(style | how))


def row_labels(ax: Axes, labels: Sequence[str]) -> None:
    """Labels of rows 0, 1, ..., the first on top; long ones are cut, or they would leave the rows no room."""
    ax.set_yticks(range(len(labels)), labels=[shorten(label, LABEL_CHARS) for label in labels], parse_math=False)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def leave_room(ax: Axes, longest: float) -> None:
    """End the axis where the bars of length `longest` and all that is written behind bars end, whatever it is."""
    with any_letters():
        ends = [(text.get_position()[0], text.get_window_extent().width + MARGIN) for text in ax.texts]
    room = max(_width(ax) - MARGIN, 1.0)
    ax.set_xlim(0, max([longest, *(at / (1 - min(width / room, WIDEST)) for at, width in ends)]))


def legend_above(ax: Axes, handles: Sequence[Artist]) -> None:
    """A legend on one line over the right end of the axis, under the title where there is no room beside it."""
    legend = _legend(ax, handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles))
    text = ax.get_title(loc="left")
    with any_letters():
        taken = legend.get_window_extent().width + ax.set_title(text, **_TITLE).get_window_extent().width
    if taken + MARGIN > _width(ax):
        ax.set_title(text, **_TITLE, pad=LEGEND_POINTS)


def outcome_legend(ax: Axes, used: Container[str]) -> None:
    """A legend of those outcomes that are `used`."""
    legend_above(ax, [
        Patch(facecolor=look.color, hatch=look.hatch, edgecolor="white", label=name)
        for name, look in OUTCOMES.items() if name in used
    ])  # fmt: skip


def legend_of_lines(ax: Axes, count: int) -> None:
    """A legend where it hides little; of many lines, below the axes."""
    if count <= INSIDE:
        _legend(ax, loc="best")
        return
    rows = -(-count // 2)
    figure = ax.get_figure(root=True)
    if figure is not None and figure.get_layout_engine() is not None:
        figure.set_figheight(figure.get_figheight() + 0.19 * rows)
    _legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _width(ax: Axes) -> float:
    """How wide the axes are or will be, in pixels."""
    figure = ax.get_figure(root=True)
    if figure is None or figure.get_layout_engine() is None:
        return ax.bbox.width
    with any_letters():
        labels = max((label.get_window_extent().width for label in ax.get_yticklabels()), default=0.0)
    return figure.bbox.width - labels


def _legend(ax: Axes, **how: Any) -> Legend:
    """Words are drawn as they are."""
    legend = ax.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=8, **how)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


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
