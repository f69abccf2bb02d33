"""What some work costs that is done once."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Cost(NamedTuple):
    """CPU of all threads, and time, in seconds."""

    cpu_s: float
    wall_s: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} s of CPU, {self.wall_s:.1f} s"


def cost_of(work: Callable[[], object]) -> Cost:
    """What it costs to do `work` now."""
    began, began_cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.process_time() - began_cpu, time.perf_counter() - began)


def warm_up(*journeys: Callable[[Any], object]) -> None:
    """What is imported and compiled once is nobody's cost: go each way with an empty log."""
    for journey in journeys:
        journey([])
