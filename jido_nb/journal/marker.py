"""What applied markers say about the signals of a conversation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.catalogue import APPLIED
from ..core.signal import Recorded


def covered_ids(data: Mapping[str, Any]) -> Sequence[str]:
    """Ids of the signals that a marker with this payload covers: a run of them, or the single one it names."""
    ids = data.get("applied_event_ids")
    if isinstance(ids, (list, tuple)):
        return ids
    single = data.get("applied_event_id")
    return [single] if isinstance(single, str) else []


def unapplied_of(records: Iterable[Recorded]) -> list[Recorded]:
    """Those of one conversation's signals, in order, that none of its markers covers.

    Markers follow what they cover, so only what still waits is held in memory.
    """
    waiting: dict[str, Recorded] = {}
    early: set[str] = set()
    for recorded in records:
        signal = recorded.signal
        if signal.type == APPLIED:
            for id in covered_ids(signal.data):
                if waiting.pop(id, None) is None:
                    early.add(id)
        elif signal.id not in early:
            waiting[signal.id] = recorded
    return list(waiting.values())
