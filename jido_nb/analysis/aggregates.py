"""What can be said of a group of cells in one number."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ..errors import ConfigError, closest

Grouped = "pd.api.typing.SeriesGroupBy[pd.Series[float], str]"


class Aggregate(NamedTuple):
    """`of` gives one number per group, missing where nothing is known; `counts`: zero, then, and not missing."""

    of: Callable[[pd.Series, list[pd.Series]], pd.Series]
    doc: str
    numbers: bool = True
    """Whether it needs a column of numbers."""
    counts: bool = False


def _pandas(name: str) -> Callable[[pd.Series, list[pd.Series]], pd.Series]:
    return lambda cells, labels: cells.groupby(labels, observed=True).agg(name)


def _quantile(share: float) -> Callable[[pd.Series, list[pd.Series]], pd.Series]:
    return lambda cells, labels: cells.groupby(labels, observed=True).quantile(share)


def _sum(cells: pd.Series, labels: list[pd.Series]) -> pd.Series:
    return cells.groupby(labels, observed=True).sum(min_count=1)


def _rate(cells: pd.Series, labels: list[pd.Series]) -> pd.Series:
    shares = cells if is_bool_dtype(cells.dtype) else cells.notna()
    return shares.astype("Float64").groupby(labels, observed=True).mean()


AGGREGATES: Mapping[str, Aggregate] = {
    "sum": Aggregate(_sum, "together; missing where none is known"),
    "mean": Aggregate(_pandas("mean"), "on average"),
    "median": Aggregate(_quantile(0.5), "the middle one"),
    "p90": Aggregate(_quantile(0.9), "90th percentile, interpolated linearly"),
    "p95": Aggregate(_quantile(0.95), "95th percentile"),
    "p99": Aggregate(_quantile(0.99), "99th percentile"),
    "min": Aggregate(_pandas("min"), "the least"),
    "max": Aggregate(_pandas("max"), "the most"),
    "std": Aggregate(_pandas("std"), "standard deviation"),
    "count": Aggregate(_pandas("count"), "how many have a value", numbers=False, counts=True),
    "distinct": Aggregate(_pandas("nunique"), "how many different values there are", numbers=False, counts=True),
    "rate": Aggregate(_rate, "share that is true, or of other columns: that has a value; 0 to 1", numbers=False),
}
"""To add one, add a row."""


def aggregate_of(name: str, cells: pd.Series) -> Aggregate:
    """The aggregate of this name.

    Raises:
        ConfigError: there is none, or it needs numbers and `cells` holds none.
    """
    found = AGGREGATES.get(name)
    if found is None:
        message = f"no aggregate {name!r}.{closest(name, AGGREGATES)} Known: {', '.join(AGGREGATES)}"
        raise ConfigError(message, field="aggregate", value=name)
    if found.numbers and not is_numeric_dtype(cells.dtype):
        others = ", ".join(known for known, each in AGGREGATES.items() if not each.numbers)
        message = f"{name} needs numbers, and {cells.name} holds {cells.dtype}; for it there are: {others}"
        raise ConfigError(message, field="values", value=cells.name)
    return found
