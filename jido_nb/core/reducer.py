"""From a conversation's state and the next signal to the new state and what must be done about it.

The reducer never looks at backends, clocks or the journal. Replaying the same signals in the same order therefore
gives the same states and asks for the same outputs, and the chained hash proves it.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from .catalogue import (
    ABORT_REQUESTED,
    CONTROL_TYPES,
    MESSAGE_RECEIVED,
    ONE_OF_EACH,
    TERMINAL_LIFECYCLES,
    TIMER_TICK,
    TOOL_REQUESTED,
    stream_of,
)
from .directives import CancelEffects, Directive, StartEffect
from .outputs import outputs_of
from .policy import EffectClass
from .signal import CONTRACT_MAJOR, Signal, to_body, values_of
from .state import CHAIN_BYTES, HISTORY_LIMIT, NO_FLAGS, ConversationState, HistoryEntry

_STARTS: dict[str, tuple[EffectClass, str, str]] = {
    MESSAGE_RECEIVED: ("llm", "generation", "llm-generation-"),
    TOOL_REQUESTED: ("tool", "execution", "tool-execution-"),
    TIMER_TICK: ("timer", "wait", "timer-wait-"),
}
_FLAGS = {type: type.rpartition(".")[2] for type in CONTROL_TYPES}


def effect_id_of(signal: Signal) -> str | None:
    """The id of the effect that `signal` starts, or None if it starts none."""
    start = _STARTS.get(signal.type)
    return start[2] + signal.id if start else None


def start_of(signal: Signal) -> StartEffect | None:
    """The effect that `signal` asks for, or None if it asks for none."""
    start = _STARTS.get(signal.type)
    if start is None:
        return None
    effect_class, kind, prefix = start
    return StartEffect(prefix + signal.id, signal.subject, effect_class, kind, signal.data, cause_id=signal.id)


def cancel_of(signal: Signal) -> CancelEffects:
    """What a control signal wants to end."""
    data = signal.data
    effect_id = data.get("effect_id") if signal.type != ABORT_REQUESTED else None
    return CancelEffects(
        conversation_id=signal.subject,
        effect_id=effect_id if isinstance(effect_id, str) else None,
        reason=str(data.get("reason") or signal.type),
        requested_by=str(data["requested_by"]) if data.get("requested_by") else None,
        cause_id=signal.id,
    )


def reduce(
    state: ConversationState, signal: Signal, seq: int, priority: int
) -> tuple[ConversationState, Sequence[Directive]]:
    """Apply one signal. Markers (`conv.applied.*`) are not applied; callers leave them out."""
    draft = Draft(state)
    directives = draft.apply(signal, seq, priority)
    return draft.done(), directives


class Draft:
    """A state that changes, for who applies a run of signals and needs the state only behind the last of them."""

    __slots__ = ("_before", "_count", "_counts", "_flags", "_in_flight", "_newest", "chain")

    def __init__(self, before: ConversationState) -> None:
        self._before = before
        self._count = before.applied_count
        self._counts = {**before.stream_counts}
        self._flags = before.flags
        self._in_flight = before.in_flight
        self._newest: list[HistoryEntry] = []
        """What came to the history, the last one last."""
        self.chain = before.chain

    def done(self) -> ConversationState:
        """The state that the run led to. Nothing can be applied after this."""
        before, newest = self._before, self._newest[: -HISTORY_LIMIT - 1 : -1]
        history = tuple(newest) + before.history[: HISTORY_LIMIT - len(newest)]
        return ConversationState(
            before.conversation_id, self._count, self._counts, self._flags, self._in_flight, history, self.chain
        )

    def apply(self, signal: Signal, seq: int, priority: int) -> Sequence[Directive]:
        """Apply one signal, and tell what must be done about it. Where this raises, nothing has changed."""
        kind = signal.type
        stream = stream_of(kind) or "audit"
        flags, in_flight = self._flags, self._in_flight
        directives: Sequence[Directive] = []
        if stream == "effect":
            data = values_of(signal.data)
            in_flight = _after_lifecycle(in_flight, data)
            directives = outputs_of(signal, data)
        elif stream == "in":
            if (start := start_of(signal)) is not None:
                in_flight = {**in_flight, start.effect_id: "requested"}
                directives = [start]
                if kind == MESSAGE_RECEIVED:
                    flags = NO_FLAGS
            elif kind in CONTROL_TYPES:
                flags = flags | {_FLAGS[kind]}
                directives = [cancel_of(signal)]
        moved = b""
        if (flags is not self._flags and flags != self._flags) or (
            in_flight is not self._in_flight and in_flight != self._in_flight
        ):
            moved = to_body({"flags": sorted(flags), "in_flight": in_flight})
        count = self._count + 1
        self.chain = _chained(self.chain, signal, seq, priority, count, moved)
        self._count, self._flags, self._in_flight = count, flags, in_flight
        self._counts[stream] += 1
        self._newest.append(HistoryEntry(signal.id, ONE_OF_EACH.get(kind, kind), priority, seq))
        return directives


def _after_lifecycle(in_flight: Mapping[str, str], data: Mapping[str, Any]) -> Mapping[str, str]:
    effect_id, lifecycle = data["effect_id"], data["lifecycle"]
    if not isinstance(effect_id, str) or not isinstance(lifecycle, str):
        return in_flight
    if lifecycle in TERMINAL_LIFECYCLES:
        return {key: value for key, value in in_flight.items() if key != effect_id}
    if lifecycle in {"started", "progress"} and in_flight.get(effect_id) != lifecycle:
        return {**in_flight, effect_id: lifecycle}
    return in_flight


def _chained(before: bytes, signal: Signal, seq: int, priority: int, count: int, moved: bytes) -> bytes:
    """The hash after one more signal: over the hash before, all that is stored of the signal, and where it led.

    Nothing here depends on the version of Python or on the order in which a store gives extensions back.
    """
    extensions = signal.extensions
    cause = extensions.get("cause_id")
    others = b""
    if len(extensions) != (1 if cause is None else 2) or extensions.get("contract_major") != CONTRACT_MAJOR:
        others = to_body(dict(sorted(extensions.items())), "null")
    facts = (
        f"{seq}\0{priority}\0{count}\0{signal.id}\0{signal.type}\0{signal.source}\0{signal.time_us}\0{cause or ''}\0"
    )
    parts = (before, facts.encode("utf-8", "replace"), others, moved, b"\0", signal.body)
    return sha256(b"".join(parts)).digest()[:CHAIN_BYTES]
