"""The chunks that a progress signal joined, one by one: what arrived when.

Deltas are joined at the source; the joined signal keeps, per original chunk, its arrival in milliseconds since the
attempt began, and its length. A progress signal that names no chunks is a single chunk, which came when the signal did.
"""

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Literal, NamedTuple, TypeAlias

from ..core.signal import Recorded
from .values import as_int

ChunkKind = Literal["text", "thinking"]

_KINDS: tuple[tuple[ChunkKind, str, str], ...] = (
    ("thinking", "thinking_delta", "thinking_chunks"),
    ("text", "token_delta", "chunks"),
)


Arrival: TypeAlias = tuple[float, ChunkKind, int]
"""One chunk: milliseconds after the start of its attempt, kind, length in characters."""


class Chunk(NamedTuple):
    """One chunk of one attempt. `number` counts from 0, `gap_ms` is the time since the chunk before it, if any."""

    seq: int
    conversation_id: str
    effect_id: str
    attempt: int
    number: int
    kind: ChunkKind
    at_ms: float
    gap_ms: float | None
    chars: int


def arrivals_of(data: Mapping[str, Any], since_start_ms: float) -> list[Arrival]:
    """The chunks of one progress payload, in order of arrival; `since_start_ms` is when its signal was written."""
    found: list[Arrival] = []
    kinds = 0
    for kind, text_key, chunks_key in _KINDS:
        text = data.get(text_key)
        if not text or not isinstance(text, str):
            continue
        kinds += 1
        chunks = data.get(chunks_key)
        if isinstance(chunks, list) and chunks:
            found += [(chunk[0], kind, chunk[1]) for chunk in chunks if _is_pair(chunk)]
        else:
            found.append((since_start_ms, kind, len(text)))
    if kinds > 1:
        found.sort(key=itemgetter(0))
    return found


def fold_chunks(log: Iterable[Recorded]) -> Iterator[Chunk]:
    """Every chunk of every attempt, thrown away ones included, in the order of the log."""
    starts: dict[tuple[str, str], int] = {}
    # Per effect: the attempt, how many chunks it had, and when the last one came.
    last: dict[tuple[str, str], tuple[int, int, float]] = {}
    for seq, signal in log:
        data = signal.data
        key = (signal.subject, str(data.get("effect_id")))
        attempt = as_int(data.get("attempt")) or 1
        lifecycle, status = data.get("lifecycle"), data.get("status")
        if lifecycle == "started" or status == "retry_attempt_started":
            starts[key] = signal.time_us
            continue
        if lifecycle != "progress":
            starts.pop(key, None)
            last.pop(key, None)
            continue
        since_start_ms = (signal.time_us - starts.setdefault(key, signal.time_us)) / 1000
        for at_ms, kind, chars in arrivals_of(data, since_start_ms):
            before = last.get(key)
            number, gap_ms = 0, None
            if before is not None and before[0] == attempt:
                number, gap_ms = before[1] + 1, at_ms - before[2]
            last[key] = (attempt, number, at_ms)
            yield Chunk(seq, *key, attempt, number, kind, at_ms, gap_ms, chars)


def _is_pair(chunk: Any) -> bool:
    return type(chunk) is list and len(chunk) == 2 and type(chunk[0]) in (float, int) and type(chunk[1]) is int
