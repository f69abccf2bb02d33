"""Live again, from the log alone: follow the markers, apply what they name in their order, compare every step.

A replay calls no model. It holds the log against itself in three ways: each signal's link of the hash chain (nothing
stored of it was touched and the reducer still does what it did), the payload of each marker and its seal, and each
`conv.out.*` signal against the output that the reducer asks for now. The first difference of a conversation is named;
what follows it in that conversation cannot be judged, and is only counted. What no marker covers yet cannot be judged
either. Markers that were written before there were seals are held against the chain alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

from .catalogue import APPLIED, priority_of, stream_of
from .directives import EmitOutput
from .engine import DIGEST_BYTES, SEAL, is_foreign, marker_data, marker_id, seals
from .reducer import Draft
from .signal import Recorded, Signal, is_body, to_body
from .snapshot import SNAPSHOT
from .state import ConversationState

_MISSING = "not in the log before"


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a replay stops being equal to what was lived: which field of which signal, and both values."""

    seq: int
    subject: str
    signal_id: str
    field: str
    live: str
    replayed: str


@dataclass(slots=True)
class _Conversation:
    state: ConversationState
    pending: dict[str, tuple[int, Signal]] = field(default_factory=dict)
    """Places and signals. Plain tuples, because named ones are looked at by the garbage collector again and again."""
    expected: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Payloads of the outputs that the reducer asked for and the log has not shown yet."""
    diverged: bool = False


class Replayer:
    """Feed it a journal in order; ask it at any time. It never raises for what a log holds."""

    def __init__(self, states: Mapping[str, ConversationState] | None = None, last_seq: int = 0) -> None:
        """Args: states: what the log up to `last_seq` led to, with nothing of it left to apply."""
        self._conversations = {subject: _Conversation(state) for subject, state in (states or {}).items()}
        self.divergences: list[Divergence] = []
        """The first difference of each conversation that has one."""
        self.fed = 0
        """Signals and markers that were taken."""
        self.applied = 0
        self.unjudged = 0
        """Signals and markers that came after their conversation's first difference."""
        self.last_seq = last_seq

    @property
    def identical(self) -> bool:
        return not self.divergences

    @property
    def states(self) -> dict[str, ConversationState]:
        return {subject: conversation.state for subject, conversation in self._conversations.items()}

    @property
    def unapplied(self) -> list[Recorded]:
        """Signals that no marker has named yet: the tail of a live log, or what a crash left."""
        waiting = [pair for conversation in self._conversations.values() for pair in conversation.pending.values()]
        return sorted(starmap(Recorded, waiting), key=lambda recorded: recorded.seq)

    def feed(self, recorded: Recorded) -> None:
        """Take the next signal of the journal."""
        self.feed_all((recorded,))

    def feed_all(self, log: Iterable[Recorded]) -> None:
        """Take what follows in the journal."""
        conversations = self._conversations
        for recorded in log:
            seq, signal = recorded
            conversation = conversations.get(signal.subject)
            if conversation is None:
                conversation = conversations[signal.subject] = _Conversation(ConversationState(signal.subject))
            self.fed += 1
            before = self.last_seq
            if seq > before:
                self.last_seq = seq
            if conversation.diverged:
                self.unjudged += 1
            elif seq <= before:
                self._diverge(conversation, seq, signal.id, "seq", str(seq), f"after {before}")
            elif stream_of(signal.type) != "applied":
                conversation.pending[signal.id] = seq, signal
            elif signal.type == APPLIED:
                try:
                    if not is_foreign(signal):
                        self._follow(conversation, recorded)
                except Exception as error:
                    self._diverge(conversation, seq, signal.id, "data", "a marker", f"{type(error).__name__}: {error}")

    def _follow(self, conversation: _Conversation, marker: Recorded) -> None:
        signal = marker.signal
        if SEAL in signal.data:
            live, replayed = seals(signal.body)
            if live != replayed:
                self._diverge(conversation, marker.seq, signal.id, SEAL, live, replayed)
                return
        ids, digests = _run(signal.data)
        count = conversation.state.applied_count + len(ids)
        if signal.data.get("applied_count") != count:
            live = str(signal.data.get("applied_count"))
            self._diverge(conversation, marker.seq, signal.id, "applied_count", live, str(count))
            return
        draft = Draft(conversation.state)
        try:
            self._apply_run(conversation, draft, marker.seq, ids, digests)
        finally:
            conversation.state = draft.done()
        if not conversation.diverged:
            self._compare(conversation, marker, ids, digests.hex())

    def _apply_run(
        self, conversation: _Conversation, draft: Draft, marker_seq: int, ids: Sequence[str], digests: bytes
    ) -> None:
        """Apply what a marker names, up to the first difference."""
        pending, expected, place = conversation.pending, conversation.expected, 0
        for signal_id in ids:
            found = pending.pop(signal_id, None)
            if found is None:
                self._diverge(conversation, marker_seq, signal_id, "applied_event_ids", signal_id, _MISSING)
                return
            seq, signal = found
            output = expected.pop(signal_id, None) if expected else None
            if output is not None and not is_body(signal.body, output):
                self._diverge(conversation, seq, signal_id, "data", _text(signal.body), _text(to_body(output, "null")))
                return
            try:
                directives = draft.apply(signal, seq, priority_of(signal.type))
            except Exception as error:  # a payload that the contract would never have let in: somebody was here
                told = f"{type(error).__name__}: {error}"
                self._diverge(conversation, seq, signal_id, "data", _text(signal.body), told)
                return
            self.applied += 1
            for directive in directives:
                if isinstance(directive, EmitOutput):
                    expected[directive.id] = directive.data
            digest = draft.chain[:DIGEST_BYTES]
            if not digests.startswith(digest, place):
                live = digests[place : place + DIGEST_BYTES]
                self._diverge(conversation, seq, signal_id, "digest", live.hex(), digest.hex())
                return
            place += DIGEST_BYTES

    def _compare(self, conversation: _Conversation, marker: Recorded, ids: Sequence[str], digests: str) -> None:
        """Hold a marker against the one that the replay would write; where it was applied only its seal tells."""
        signal = marker.signal
        at_rest = SNAPSHOT in signal.data
        if at_rest and conversation.pending:
            left = next(iter(conversation.pending))
            self._diverge(conversation, marker.seq, signal.id, SNAPSHOT, "at rest", f"{left} had not been applied")
            return
        expected = marker_data(conversation.state, ids, digests, signal.data.get("partition_id"), at_rest)
        if SEAL in signal.data:
            # It fits this body, as was seen before, and therefore one that is equal.
            expected[SEAL] = signal.data[SEAL]
        if signal.id != marker_id(expected):
            self._diverge(conversation, marker.seq, signal.id, "id", signal.id, marker_id(expected))
        elif not is_body(signal.body, expected):
            name = next((key for key, value in expected.items() if signal.data.get(key) != value), "data")
            live, replayed = _text(signal.body), _text(to_body(expected, "null"))
            if name in expected:
                live, replayed = str(signal.data.get(name, signal.data)), str(expected[name])
            self._diverge(conversation, marker.seq, signal.id, name, live, replayed)

    def _diverge(
        self, conversation: _Conversation, seq: int, signal_id: str, field: str, live: str, replayed: str
    ) -> None:
        conversation.diverged = True
        conversation.pending.clear()
        conversation.expected.clear()
        subject = conversation.state.conversation_id
        self.divergences.append(Divergence(seq, subject, signal_id, field, live, replayed))


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _run(data: Mapping[str, Any]) -> tuple[list[str], bytes]:
    """The ids that a marker covers, and their digests in a row. Raises ValueError if they cannot be told."""
    ids, digests = data.get("applied_event_ids"), data.get("digests")
    if not isinstance(ids, list) or not isinstance(digests, str) or not ids:
        raise ValueError("no list of ids with a digest for each")
    known = bytes.fromhex(digests)
    if len(known) != DIGEST_BYTES * len(ids):
        raise ValueError(f"{len(ids)} ids with {len(known)} bytes of digests")
    return ids, known


def replay(log: Iterable[Recorded], states: Mapping[str, ConversationState] | None = None) -> Replayer:
    """Replay a whole log, or what follows `states`."""
    replayer = Replayer(states)
    replayer.feed_all(log)
    return replayer
