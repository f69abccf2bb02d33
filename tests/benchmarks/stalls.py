"""When the machine itself stood still, and no program on it ran: what is late then is not late by anybody's doing.

A virtual machine stops whenever its host gives its time to others, for tens of milliseconds at a time, and does not
tell. So a process beside the measured one has a thread on each processor that sleeps for two milliseconds and looks at
the clock. When all of them come back late from the same moment, nothing ran.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

NAP_S = 0.002
LATE_S = 0.005
"""Less than this a processor may also have been somebody else's."""


class Span(NamedTuple):
    """Of time, in seconds of `time.perf_counter`, which all processes of a Linux machine share."""

    began: float
    ended: float

    @property
    def ms(self) -> float:
        return 1000 * (self.ended - self.began)

    def late_ms(self, due_s: float) -> float:
        """How late it ended, where it should have ended `due_s` after it began."""
        return self.ms - 1000 * due_s


class Stalls(list[Span]):
    """Filled when the block of `stalls` ends."""

    def clear_of(self, spans: Iterable[Span]) -> list[Span]:
        """Those during which the machine did not stand still."""
        return [
            span for span in spans if not any(span.began < stall.ended and stall.began < span.ended for stall in self)
        ]

    def __str__(self) -> str:
        return f"{len(self)} times, for {max((stall.ms for stall in self), default=0):.0f} ms at most"


@contextmanager
def stalls() -> Iterator[Stalls]:
    """Those of the time that the block takes."""
    found = Stalls()
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        try:
            yield found
        finally:
            told, _ = watch.communicate()
            found += _common([[Span(*span) for span in each] for each in json.loads(told)])


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _common(lateness: list[list[Span]]) -> Iterator[Span]:
    """Where the spans of all processors overlap."""
    common, *others = lateness
    for other in others:
        pairs = ((max(one.began, two.began), min(one.ended, two.ended)) for one in common for two in other)
        common = [Span(began, ended) for began, ended in pairs if began < ended]
    return (span for span in common if span.ms > 1000 * LATE_S)


def _watch(processor: int | None, late: list[Span]) -> None:
    if processor is not None:
        os.sched_setaffinity(0, {processor})
        with suppress(PermissionError):  # without it, a busy processor comes a little later
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    while True:
        began = time.perf_counter()
        time.sleep(NAP_S)
        ended = time.perf_counter()
        if ended - began > NAP_S + LATE_S:
            late.append(Span(began, ended))


if __name__ == "__main__":
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]
    lateness: list[list[Span]] = [[] for _ in processors]
    for watched in zip(processors, lateness, strict=True):
        threading.Thread(target=_watch, args=watched, daemon=True).start()
    print("watching", flush=True)
    sys.stdin.read()
    print(json.dumps(lateness))
