"""The chunks that a progress signal joined, one by one: what arrived when.

Deltas are joined at the source; the joined signal keeps, per original chunk, its arrival in milliseconds since the
attempt began, and its length. A progress signal that names no chunks is a single chunk, which came when the signal did.
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Literal, TypeAlias

import msgspec

from .told import Payload, Told

ChunkKind = Literal["text", "thinking"]

Arrival: TypeAlias = tuple[float, ChunkKind, int]
"""One chunk: milliseconds after the start of its attempt, kind, length in characters."""


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One chunk of one attempt. `number` counts from 0, `gap_ms` is the time since the chunk before it, if any.

    `told` is the signal that carries it, `started_us` when its attempt began, microseconds UTC since 1970.
    """

    told: Told
    started_us: int
    attempt: int
    number: int
    kind: ChunkKind
    at_ms: float
    gap_ms: float | None
    chars: int

    @property
    def seq(self) -> int:
        return self.told.seq


def arrivals_of(payload: Payload, since_start_ms: float) -> list[Arrival]:
    """The chunks of one progress payload, in order of arrival; `since_start_ms` is when its signal was written."""
    found: list[Arrival] = []
    if payload.thinking_delta:
        chunks = payload.thinking_chunks or ((since_start_ms, len(payload.thinking_delta)),)
        found += [(at_ms, "thinking", chars) for at_ms, chars in chunks]
    if payload.token_delta:
        both = bool(found)
        chunks = payload.chunks or ((since_start_ms, len(payload.token_delta)),)
        found += [(at_ms, "text", chars) for at_ms, chars in chunks]
        if both:
            found.sort(key=itemgetter(0))
    return found


def fold_chunks(log: Iterable[Told]) -> Iterator[Chunk]:
    """Every chunk of every attempt, thrown away ones included, in the order of the log."""
    starts: dict[tuple[str, str], int] = {}
    # Per effect: the attempt, how many chunks it had, and when the last one came.
    last: dict[tuple[str, str], tuple[int, int, float]] = {}
    for told in log:
        payload = told.payload
        key = (told.subject, payload.effect_id)
        attempt = payload.attempt or 1
        if payload.lifecycle == "started" or payload.status == "retry_attempt_started":
            starts[key] = told.time_us
            continue
        if payload.lifecycle != "progress":
            starts.pop(key, None)
            last.pop(key, None)
            continue
        started_us = starts.setdefault(key, told.time_us)
        for at_ms, kind, chars in arrivals_of(payload, (told.time_us - started_us) / 1000):
            before = last.get(key)
            number, gap_ms = 0, None
            if before is not None and before[0] == attempt:
                number, gap_ms = before[1] + 1, at_ms - before[2]
            last[key] = (attempt, number, at_ms)
            yield Chunk(told, started_us, attempt, number, kind, at_ms, gap_ms, chars)
