"""What a conversation's reducer remembers: small, immutable, and the same after a replay."""

from collections.abc import Mapping

import msgspec

from .catalogue import STREAMS

HISTORY_LIMIT = 100
CHAIN_BYTES = 16
NO_CHAIN = bytes(CHAIN_BYTES)
NO_FLAGS: frozenset[str] = frozenset()


class HistoryEntry(msgspec.Struct, frozen=True, gc=False):
    """One applied signal, in short."""

    id: str
    type: str
    priority: int
    seq: int


class ConversationState(msgspec.Struct, frozen=True, gc=False):
    """The reducer's view of one conversation. Its mappings are shared between states and must not be changed.

    `in_flight` maps effect ids to their last lifecycle; `history` is newest first, at most 100 entries;
    `chain` is the hash over every signal applied so far and the state after each.
    """

    conversation_id: str
    applied_count: int = 0
    stream_counts: Mapping[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    flags: frozenset[str] = NO_FLAGS
    in_flight: Mapping[str, str] = {}
    history: tuple[HistoryEntry, ...] = ()
    chain: bytes = NO_CHAIN

    @property
    def last_event(self) -> HistoryEntry | None:
        return self.history[0] if self.history else None
