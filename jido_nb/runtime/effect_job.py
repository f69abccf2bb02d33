"""What the runtime hands to an effect worker: the work, the wish to end it, and where to report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.budget import NO_BUDGET, Budget, Spent
from ..core.policy import EffectClass, EffectPolicy
from ..llm.error import LLMError


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where an effect stands that was cut off with its process, and now goes on with its next attempt."""

    attempt: int
    """The last attempt that had begun."""
    signals: int
    """How many lifecycle signals it has in the journal, which is the number of the next one."""
    failure: LLMError | None
    """Why that attempt ended; None: that is written already, and the effect waits for the next one."""
    times: Mapping[str, Any]
    """What is known of how long it took; None where its process took the answer along."""
    wait_ms: float
    """What is left of a wait that had begun, in milliseconds."""
    elapsed_ms: float
    """Since it started, the time included in which no process drove it."""
    spent: Spent
    """By the attempts that are over."""


@dataclass(frozen=True, slots=True)
class EffectJob:
    """One effect to drive to its end.

    `conversation_id` is the subject of its signals, `cause_id` the signal that asked for it, `input` the payload
    of that signal.
    """

    effect_id: str
    conversation_id: str
    effect_class: EffectClass
    kind: str
    input: Mapping[str, Any]
    policy: EffectPolicy
    cause_id: str | None = None
    conversation_budget: Budget = NO_BUDGET
    """What all generations of its conversation together may spend."""
    simulate: Mapping[str, Any] = field(default_factory=dict)
    """Faults to play (`Simulation`). Whoever builds the job leaves it empty unless the runtime allows it."""
    resumed: Resumption | None = None
    """None: it begins with its first attempt."""

    def to_payload(self) -> dict[str, Any]:
        """What every lifecycle signal says of it."""
        return {"effect_id": self.effect_id, "effect_class": self.effect_class, "kind": self.kind}


BY_CODE = "code"
BY_RUNTIME = "runtime"
"""`requested_by` of a cancel whose asker does not say who it is, and of one because the runtime closes."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Somebody wants an effect to end.

    `cause_id` is the signal that says so; None keeps the effect's own cause.
    `asked_at` is seconds on the worker's clock; None: the moment the worker hears of it.
    """

    reason: str
    cause_id: str | None = None
    requested_by: str | None = None
    asked_at: float | None = None


CLOSED = CancelRequest("runtime_closed", requested_by=BY_RUNTIME)
"""The runtime closes."""


class Outbox(Protocol):
    """Takes the lifecycle of one effect, in order."""

    def put(self, lifecycle: str, data: Mapping[str, Any], *, cause_id: str | None = None) -> None:
        """Hand over one lifecycle signal; never waits. `cause_id` None: the effect's own cause."""
        ...

    async def flush(self) -> None:
        """Return when all that was put so far is durable."""
        ...
