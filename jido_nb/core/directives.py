"""What the reducer asks for. A directive is a request in data; the runtime does the work."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from .policy import EffectClass


class StartEffect(NamedTuple):
    """Begin an effect. `cause_id` is the signal that asked for it."""

    effect_id: str
    conversation_id: str
    effect_class: EffectClass
    kind: str
    input: Mapping[str, Any]
    cause_id: str


class CancelEffects(NamedTuple):
    """End one effect, or with `effect_id` None all that run in the conversation."""

    conversation_id: str
    effect_id: str | None
    reason: str
    requested_by: str | None
    cause_id: str | None
    """The signal that asked for it; None where it could not be written."""


class EmitOutput(msgspec.Struct, frozen=True, gc=False):
    """Write a `conv.out.*` signal. `id` follows from the cause, so that writing it twice writes it once.

    A struct, because each piece of an answer asks for one.
    """

    id: str
    type: str
    conversation_id: str
    data: Mapping[str, Any]
    cause_id: str


Directive = StartEffect | CancelEffects | EmitOutput
