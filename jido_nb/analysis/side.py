"""One side of a comparison, and what is measured of it."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

UNKNOWN = "not told"


class Side(NamedTuple):
    """A name, a `turns_df`, and the `attempts_df` of just those turns."""

    name: str
    turns: pd.DataFrame
    attempts: pd.DataFrame

    @property
    def failures(self) -> str:
        """Why attempts failed, in words: `provider 3, timeout 1`."""
        counts = self.attempts["error_category"].dropna().value_counts()
        return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _count(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _ms(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f} ms"


def _usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.6f}".rstrip("0").rstrip(".") + " USD"


class Measure(NamedTuple):
    """One number of a side; `told` says it in words."""

    name: str
    unit: str
    of: Callable[[Side], float | None]
    told: Callable[[float | None], str]


def _ended(status: str) -> Callable[[Side], float]:
    return lambda side: float((side.turns["status"] == status).sum())


def _quantile(column: str, share: float) -> Callable[[Side], float | None]:
    def of(side: Side) -> float | None:
        known = side.turns[column].dropna()
        return None if known.empty else float(known.astype(float).quantile(share))

    return of


def _total(column: str) -> Callable[[Side], float | None]:
    """Over attempts, so that those which were thrown away count too."""

    def of(side: Side) -> float | None:
        known = side.attempts[column].dropna()
        return None if known.empty else float(known.sum())

    return of


MEASURES: tuple[Measure, ...] = (
    Measure("turns", "turns", lambda side: float(len(side.turns)), _count),
    Measure("completed", "turns", _ended("completed"), _count),
    Measure("failed", "turns", _ended("failed"), _count),
    Measure("canceled", "turns", _ended("canceled"), _count),
    Measure("attempts", "attempts", lambda side: float(len(side.attempts)), _count),
    Measure("retries", "attempts", lambda side: float((side.attempts["outcome"] == "retried").sum()), _count),
    Measure("duration, median", "ms", _quantile("duration_ms", 0.5), _ms),
    Measure("duration, 95th percentile", "ms", _quantile("duration_ms", 0.95), _ms),
    Measure("first chunk, median", "ms", _quantile("first_chunk_ms", 0.5), _ms),
    Measure("input tokens", "tokens", _total("input_tokens"), _count),
    Measure("output tokens", "tokens", _total("output_tokens"), _count),
    Measure("cost", "USD", _total("cost_usd"), _usd),
    Measure("tool calls", "calls", lambda side: float(side.turns["tools"].sum()), _count),
)
"""In the order in which they are shown. To compare something else, add a row."""
