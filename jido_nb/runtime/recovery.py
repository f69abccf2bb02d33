"""Puts a journal in order that a crash left behind.

What was durable but not applied is applied now; it starts no effects. Every effect that began, or was asked for, and
has no end gets one: `failed`, with `details.recovered`, keeping the text that had arrived.
"""

from typing import Any

from ..core.catalogue import EFFECT_PREFIXES, stream_of
from ..core.projections.turn import TurnView
from ..core.reducer import effect_id_of
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal
from ..journal.protocol import Journal

REASON = "the process ended before the effect did"

_ATTRIBUTION = ("backend", "provider", "model", "stream", "kind")


def recovered_endings(journal: Journal, now_us: int) -> list[Signal]:
    """One `failed` signal for each effect that has no end. Reads the journal, writes nothing."""
    return [_ending(journal, recorded, now_us) for recorded in journal.unfinished_effects()]


def _ending(journal: Journal, recorded: Recorded, now_us: int) -> Signal:
    signal = recorded.signal
    if stream_of(signal.type) == "effect":
        effect_id, cause_id = str(signal.data["effect_id"]), signal.cause_id
        prefix = signal.type.rpartition(".")[0]
        known: dict[str, Any] = {key: signal.data[key] for key in _ATTRIBUTION if key in signal.data}
        view = _view(journal, signal.subject, effect_id)
        known |= {"attempt": view.attempt, "partial_text": view.text}
    else:
        effect_id, cause_id = str(effect_id_of(signal)), signal.id
        effect_class = effect_id.partition("-")[0]
        prefix = EFFECT_PREFIXES[effect_class]
        known = {"attempt": 0, "partial_text": ""}
    data = {
        "effect_id": effect_id,
        "lifecycle": "failed",
        "effect_class": prefix.split(".")[2],
        "kind": prefix.rpartition(".")[2],
        **known,
        "reason": REASON,
        "error_category": "unknown",
        "retryable": True,
        "details": {"recovered": True},
        "usage": None,
        "cost": None,
    }
    extensions = {"contract_major": CONTRACT_MAJOR} | ({"cause_id": cause_id} if cause_id else {})
    return make_signal(
        id=f"{effect_id}/recovered",
        type=f"{prefix}.failed",
        source="/runtime/recovery",
        subject=signal.subject,
        time_us=now_us,
        data=data,
        extensions=extensions,
    )


def _view(journal: Journal, subject: str, effect_id: str) -> TurnView:
    view = TurnView(effect_id=effect_id)
    for recorded in journal.read(subject=subject, effect_id=effect_id, types="conv.effect.**"):
        view.apply(recorded.signal)
    return view
