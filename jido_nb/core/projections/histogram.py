"""How long things took, in constant memory: counts per bucket, each bucket a fixed factor wider than the last."""

from collections.abc import Iterable, Mapping
from math import isfinite, log2

STEPS_PER_DOUBLING = 8
"""Bucket borders are 2 ** (1/8) = 1.09 apart: a quantile is off by at most 4.5 %."""

SMALLEST_MS = 0.001
LARGEST_MS = 2.0**40
"""Durations outside are counted in the bucket at the border; about 400 buckets lie between."""


class Histogram:
    """Durations in milliseconds. The same durations give the same summary, in whatever order they come."""

    __slots__ = ("_buckets", "_count", "_max", "_min", "_total_us")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        # Whole microseconds, because a sum of floats depends on their order.
        self._total_us = 0
        self._min = self._max = 0.0

    def add(self, ms: float) -> None:
        """Take one duration; one that is no finite number, or negative, is left out."""
        if not isfinite(ms) or ms < 0:
            return
        ms = float(ms)
        bucket = round(log2(min(max(ms, SMALLEST_MS), LARGEST_MS)) * STEPS_PER_DOUBLING)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._min = min(self._min, ms) if self._count else ms
        self._max = max(self._max, ms) if self._count else ms
        self._count += 1
        self._total_us += round(min(ms, LARGEST_MS) * 1000)

    @classmethod
    def merged(cls, parts: "Iterable[Histogram]") -> "Histogram":
        """All of them as one, as if it had taken all their durations."""
        whole = cls()
        for part in parts:
            if part._count:
                whole._min = min(whole._min, part._min) if whole._count else part._min
                whole._max = max(whole._max, part._max) if whole._count else part._max
                whole._count += part._count
                whole._total_us += part._total_us
                for bucket, count in part._buckets.items():
                    whole._buckets[bucket] = whole._buckets.get(bucket, 0) + count
        return whole

    def quantile(self, share: float) -> float | None:
        """The duration that `share` (0 to 1) of all durations do not exceed, or None if there are none."""
        if not self._count:
            return None
        rank, seen = share * self._count, 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                middle: float = 2.0 ** (bucket / STEPS_PER_DOUBLING)
                return min(max(middle, self._min), self._max)
        return self._max

    def summary(self) -> Mapping[str, float | int | None]:
        """`count`, `avg_ms`, `min_ms`, `max_ms`, which are exact, and `p50_ms`, `p95_ms`, `p99_ms`; None: not known."""
        known = self._count > 0
        return {
            "count": self._count,
            "avg_ms": round(self._total_us / self._count / 1000, 3) if known else 0.0,
            "min_ms": round(self._min, 3) if known else None,
            "max_ms": round(self._max, 3) if known else None,
            **{f"p{percent}_ms": _rounded(self.quantile(percent / 100)) for percent in (50, 95, 99)},
        }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
