"""How hard an effect tries before it gives up. All times are milliseconds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ContractError, closest
from .budget import NO_BUDGET, Budget

EffectClass = Literal["llm", "tool", "timer"]

Millis = Annotated[int, Field(ge=1, le=86_400_000)]


class EffectPolicy(BaseModel):
    """Attempts, waits and limits of one effect.

    The same model is the `effects.<class>` setting and the `effect_policy` of a message; a message may name any part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    backoff_ms: Annotated[int, Field(ge=0, le=600_000)] = 100
    """Wait before the second attempt; doubles after each failure."""
    max_backoff_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 30_000
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Largest part of the backoff that is added to it at random (seeded by the effect's id)."""
    retry_after_cap_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 60_000
    """A server that asks for a longer pause than this makes the effect fail at once."""
    timeout_ms: Millis | None = None
    """Limit of one attempt. None: for an LLM effect the resolved LLM timeout, else no limit."""
    first_chunk_timeout_ms: Millis | None = None
    idle_timeout_ms: Millis | None = None
    """Longest silence between two chunks."""
    deadline_ms: Millis | None = None
    """Limit of all attempts and waits together."""
    budget: Budget = NO_BUDGET
    """What all attempts together may spend."""
    join_ms: Annotated[int, Field(ge=0, le=10_000)] = 30
    """Deltas that arrive within this time travel as one progress signal; 0 sends each alone."""
    on_recovery: Literal["fail", "retry"] = "fail"
    """What becomes of an effect whose process died: it ends as failed, or it goes on with its next attempt."""


DEFAULT_POLICIES: Mapping[EffectClass, EffectPolicy] = {
    "llm": EffectPolicy(),
    "tool": EffectPolicy(timeout_ms=30_000),
    "timer": EffectPolicy(max_attempts=2, backoff_ms=50),
}


def merged_policy(base: EffectPolicy, overrides: Mapping[str, Any] | None) -> EffectPolicy:
    """`base` with the named parts replaced; a budget is not replaced, the tighter caps count.

    Raises:
        ContractError: a part is unknown or out of bounds; `field` is `effect_policy.<part>`.
    """
    if overrides is None:
        return base
    if not isinstance(overrides, Mapping):
        message = f"effect_policy must be a mapping, not {overrides!r}"
        raise ContractError(message, field="effect_policy", reason="invalid", value=overrides)
    if not overrides:
        return base
    try:
        policy = EffectPolicy.model_validate({**base.model_dump(), **overrides})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        value = first["input"]
        if first["type"] == "extra_forbidden":
            *table, last = (str(part) for part in first["loc"])
            known = Budget.model_fields if table else EffectPolicy.model_fields
            message = f"{'.'.join(['effect_policy', *table])} has no {last!r}.{closest(last, known)}"
            raise ContractError(message, field=f"effect_policy.{name}", reason="unknown", value=value) from None
        message = f"effect_policy.{name}: {first['msg']} (got {value!r})"
        raise ContractError(message, field=f"effect_policy.{name}", reason="invalid", value=value) from None
    return policy.model_copy(update={"budget": policy.budget.within(base.budget)})
