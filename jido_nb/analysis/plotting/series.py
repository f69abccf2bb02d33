"""The lines of a plot that compares groups: which ones are drawn, and how they are told apart."""

from typing import Any, NamedTuple

import pandas as pd

from .canvas import DASHES, SERIES
from .short_names import short_names

LIMIT = 14
NAME_CHARS = 22
"""Of a name in a legend, which tells numbers beside it."""
MARKERS = "osD^vP*"


class Line(NamedTuple):
    """One group: its label, its rows, and how it is drawn. No two lines have colour and dashes in common."""

    name: str
    rows: pd.DataFrame
    style: dict[str, Any]
    marker: str


def lines_of(known: pd.DataFrame, by: str) -> tuple[list[Line], str]:
    """The groups with the most rows, in order of their names, and what a title says of those that are left out."""
    labels = known[by].astype(object).where(known[by].notna(), "none").astype(str)
    groups = dict(list(known.groupby(labels)))
    most = sorted(groups, key=lambda name: -len(groups[name]))[:LIMIT]
    names = short_names(most, NAME_CHARS)
    more = f", {LIMIT} of {len(groups)}" if len(groups) > LIMIT else ""
    return [Line(names[name], groups[name], *_look(place)) for place, name in enumerate(sorted(most))], more


def _look(place: int) -> tuple[dict[str, Any], str]:
    around = place // len(SERIES)
    style = {"color": SERIES[place % len(SERIES)], "linestyle": DASHES[(place + around) % len(DASHES)]}
    return {**style, "linewidth": 1.8}, MARKERS[(place + around) % len(MARKERS)]
