"""From a conversation's state and the next signal to the new state and what must be done about it.

The reducer never looks at backends, clocks or the journal. Replaying the same signals in the same order therefore
gives the same states and asks for the same outputs, and the chained hash proves it.
"""

from collections.abc import Mapping
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
) -> tuple[ConversationState, list[Directive]]:
    """Apply one signal. Markers (`conv.applied.*`) are not applied; callers leave them out."""
    kind = signal.type
    stream = stream_of(kind) or "audit"
    flags, in_flight = state.flags, state.in_flight
    directives: list[Directive] = []
    if stream == "effect":
        in_flight = _after_lifecycle(in_flight, values_of(signal.data))
        directives.extend(outputs_of(signal))
    elif stream == "in":
        if (start := start_of(signal)) is not None:
            in_flight = {**in_flight, start.effect_id: "requested"}
            directives.append(start)
            if kind == MESSAGE_RECEIVED:
                flags = NO_FLAGS
        elif kind in CONTROL_TYPES:
            flags = flags | {_FLAGS[kind]}
            directives.append(cancel_of(signal))
    count = state.applied_count + 1
    moved = b""
    if (flags is not state.flags and flags != state.flags) or (
        in_flight is not state.in_flight and in_flight != state.in_flight
    ):
        moved = to_body({"flags": sorted(flags), "in_flight": in_flight})
    counts = {**state.stream_counts, stream: state.stream_counts[stream] + 1}
    entry = HistoryEntry(signal.id, ONE_OF_EACH.get(kind, kind), priority, seq)
    # A million signals are replayed in seconds: so the one thing that is long is copied once.
    history = (entry,) + state.history[: HISTORY_LIMIT - 1]  # noqa: RUF005
    chain = _chained(state.chain, signal, f"{seq}\0{priority}\0{count}", moved)
    return ConversationState(state.conversation_id, count, counts, flags, in_flight, history, chain), directives


def _after_lifecycle(in_flight: Mapping[str, str], data: Mapping[str, Any]) -> Mapping[str, str]:
    effect_id, lifecycle = data["effect_id"], data["lifecycle"]
    if not isinstance(effect_id, str) or not isinstance(lifecycle, str):
        return in_flight
    if lifecycle in TERMINAL_LIFECYCLES:
        return {key: value for key, value in in_flight.items() if key != effect_id}
    if lifecycle in {"started", "progress"} and in_flight.get(effect_id) != lifecycle:
        return {**in_flight, effect_id: lifecycle}
    return in_flight


def _chained(before: bytes, signal: Signal, place: str, moved: bytes) -> bytes:
    """The hash after one more signal: over the hash before, all that is stored of the signal, and where it led.

    Nothing here depends on the version of Python or on the order in which a store gives extensions back.
    """
    extensions = signal.extensions
    cause = extensions.get("cause_id")
    others = b""
    if len(extensions) != (1 if cause is None else 2) or extensions.get("contract_major") != CONTRACT_MAJOR:
        others = to_body(dict(sorted(extensions.items())), "null")
    facts = f"{place}\0{signal.id}\0{signal.type}\0{signal.source}\0{signal.time_us}\0{cause or ''}\0"
    parts = (before, facts.encode("utf-8", "replace"), others, moved, b"\0", signal.body)
    return sha256(b"".join(parts)).digest()[:CHAIN_BYTES]
