"""Several ways of doing the same, in turns, so that whatever the machine does meanwhile happens to all of them."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

Way = Callable[[], Awaitable[None]]


class Spread(NamedTuple):
    """Microseconds: the median, and the range that holds the middle half."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        low, median, high = statistics.quantiles(values, n=4)
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.1f} µs ({self.low:.1f} to {self.high:.1f})"


class ChunkCost(NamedTuple):
    """What one chunk costs."""

    cpu: Spread
    wall: Spread


async def costs(ways: Mapping[str, Way], chunks: int, rounds: int) -> dict[str, ChunkCost]:
    """What each way costs per chunk. CPU is that of all threads; the first round warms up and does not count."""
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            began_cpu, began = time.process_time(), time.perf_counter()
            await way()
            cpu[name].append((time.process_time() - began_cpu) / chunks * 1e6)
            wall[name].append((time.perf_counter() - began) / chunks * 1e6)
    return {name: ChunkCost(Spread.of(cpu[name][1:]), Spread.of(wall[name][1:])) for name in ways}
