"""Count, mean and extremes of a duration, in constant memory."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Latency:
    """Durations in seconds go in; `summary` gives milliseconds."""

    count: int = 0
    total_s: float = 0.0
    min_s: float | None = None
    max_s: float | None = None

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total_s += seconds
        self.min_s = seconds if self.min_s is None else min(self.min_s, seconds)
        self.max_s = seconds if self.max_s is None else max(self.max_s, seconds)

    def summary(self) -> dict[str, float | int | None]:
        return {
            "count": self.count,
            "avg_ms": round(1000 * self.total_s / self.count, 3) if self.count else 0.0,
            "min_ms": None if self.min_s is None else round(1000 * self.min_s, 3),
            "max_ms": None if self.max_s is None else round(1000 * self.max_s, 3),
        }


def merged(latencies: Iterable[Latency]) -> Latency:
    """All of them as one."""
    whole = Latency()
    for latency in latencies:
        whole.count += latency.count
        whole.total_s += latency.total_s
        whole.min_s = min((low for low in (whole.min_s, latency.min_s) if low is not None), default=None)
        whole.max_s = max((high for high in (whole.max_s, latency.max_s) if high is not None), default=None)
    return whole
