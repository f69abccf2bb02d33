"""A recorded signal as the scheduler sees it: what it waits for and how urgent it is."""

from typing import NamedTuple

from .catalogue import priority_of, stream_of
from .signal import Recorded


class Entry(NamedTuple):
    """One signal that waits to be applied.

    `story` names the effect whose signals must apply in the order they were written; None for all others.
    """

    seq: int
    priority: int
    key: tuple[str, str]
    cause: tuple[str, str] | None
    story: tuple[str, str] | None
    recorded: Recorded


def entry_of(recorded: Recorded) -> Entry:
    signal = recorded.signal
    subject, cause = signal.subject, signal.cause_id
    story = None
    if stream_of(signal.type) == "effect":
        story = (subject, str(signal.data["effect_id"]))
    return Entry(
        seq=recorded.seq,
        priority=priority_of(signal.type),
        key=(subject, signal.id),
        cause=None if cause is None else (subject, cause),
        story=story,
        recorded=recorded,
    )
