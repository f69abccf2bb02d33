"""Checks what a message may ask of its effect, before anything is written."""

from collections.abc import Collection, Mapping
from typing import Any

from ..core.budget import parse_budget
from ..core.catalogue import MESSAGE_RECEIVED, TIMER_TICK, TOOL_REQUESTED
from ..core.policy import EffectClass, EffectPolicy, merged_policy
from ..core.signal import Signal
from ..errors import ContractError
from ..llm.overrides import parse_overrides
from .attachments import check_attachments
from .simulation import Simulation

_CLASS_OF: Mapping[str, EffectClass] = {MESSAGE_RECEIVED: "llm", TOOL_REQUESTED: "tool", TIMER_TICK: "timer"}


class MessageCheck:
    """Refuses bad overrides, policies and simulations, naming the field."""

    def __init__(
        self, policies: Mapping[EffectClass, EffectPolicy], backends: Collection[str], *, allow_simulation: bool
    ) -> None:
        self._policies = policies
        self._backends = backends
        self._allow_simulation = allow_simulation

    def __call__(self, signal: Signal) -> None:
        """Raise ContractError if `signal` asks for something that it may not."""
        effect_class = _CLASS_OF.get(signal.type)
        if effect_class is None:
            return
        data = signal.data
        merged_policy(self._policies[effect_class], _mapping(data, "effect_policy"))
        if effect_class == "llm":
            check_attachments(data.get("attachments"))
            parse_overrides(_mapping(data, "llm"), field="llm", backends=self._backends)
            defaults = _mapping(data, "conversation_defaults")
            nested = _mapping(defaults, "llm", "conversation_defaults.llm")
            parse_overrides(nested, field="conversation_defaults.llm", backends=self._backends)
            parse_budget(defaults.get("budget"), field="conversation_defaults.budget")
        if wishes := _mapping(data, "simulate_effect"):
            if not self._allow_simulation:
                message = "simulate_effect works only in a runtime whose settings say allow_simulate_effect = true"
                raise ContractError(message, field="simulate_effect", reason="unsupported", value=wishes)
            Simulation.of(wishes)


def _mapping(data: Mapping[str, Any], key: str, field: str | None = None) -> Mapping[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ContractError(f"{field or key} must be a mapping, not {value!r}", field=field or key, reason="invalid")
    return value
