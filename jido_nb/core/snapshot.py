"""What a marker keeps of the state, so that a conversation can go on without being replayed from its beginning.

Rule 1: a marker keeps it only when its conversation is at rest: everything that was written before it has been applied.
        So the state is what the marker says, and what follows is what stands behind it in the log.
Rule 2: kept is what cannot be told otherwise. Each marker holds the count and the chain anyway, and the history is what
        the last markers name, in their order.
Rule 3: a replay works it out again and compares. Whoever finds none, or one that does not hold, replays from the
        beginning, so nothing is ever lost with a snapshot.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue import APPLIED, ONE_OF_EACH, STREAMS, priority_of, stream_of
from .signal import Recorded, Signal
from .state import CHAIN_BYTES, HISTORY_LIMIT, ConversationState, HistoryEntry

SNAPSHOT = "state"
"""Key under which a marker keeps it."""


def snapshot_of(state: ConversationState) -> dict[str, Any]:
    """The part of `state` that a marker does not tell otherwise, as plain values."""
    return {"streams": state.stream_counts, "flags": sorted(state.flags), "in_flight": state.in_flight}


def restored(marker: Signal, log: Iterable[Recorded]) -> ConversationState | None:
    """The state that `marker` left its conversation in; None where that cannot be told.

    Args:
        log: The conversation's signals from that marker back to its beginning, newest first; few of them are taken.
    """
    data = marker.data
    try:
        count, kept = data["applied_count"], data[SNAPSHOT]
        streams, flags, in_flight = kept["streams"], kept["flags"], kept["in_flight"]
        chain = bytes.fromhex(data["state_hash"])
        plausible = streams.keys() == set(STREAMS) and sum(streams.values()) == count and len(chain) == CHAIN_BYTES
        history = _history(log, min(count, HISTORY_LIMIT)) if plausible else None
        if history is None:
            return None
        return ConversationState(marker.subject, count, streams, frozenset(flags), dict(in_flight), history, chain)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _history(log: Iterable[Recorded], length: int) -> tuple[HistoryEntry, ...] | None:
    """The last `length` applied signals, newest first, as the markers of `log` name them."""
    order: list[str] = []
    found: dict[str, HistoryEntry] = {}
    missing: set[str] = set()
    for seq, signal in log:
        kind = signal.type
        if kind == APPLIED:
            # Markers follow what they cover, so each one names what is still to come here.
            named = _named(signal.data)[: length - len(order)]
            order += named
            missing.update(named)
        elif signal.id in missing and stream_of(kind) != "applied":
            missing.remove(signal.id)
            found[signal.id] = HistoryEntry(signal.id, ONE_OF_EACH.get(kind, kind), priority_of(kind), seq)
        if len(order) == length and not missing:
            return tuple(found[id] for id in order)
    return None


def _named(data: Mapping[str, Any]) -> list[str]:
    """The ids that a marker covers, the last one applied first. Raises KeyError or TypeError where it covers no run."""
    return [*reversed(data["applied_event_ids"])]
