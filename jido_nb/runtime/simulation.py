"""Faults that an effect plays on itself, for demonstrations without a faulty server."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ContractError, closest
from ..llm.error import LLMError
from .clock import Clock

Latency = Annotated[int, Field(ge=0, le=3_600_000)]


class Simulation(BaseModel):
    """`simulate_effect` of a message: added latency in milliseconds, and attempts that fail by decree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: Latency = 0
    latency_ms_by_attempt: dict[int, Latency] = Field(default_factory=dict)
    """Overrides `latency_ms` for the attempts that it names, counted from 1."""
    force_fail_attempts: Annotated[int, Field(ge=0, le=1000)] = 0
    """The first so many attempts fail with a retryable error before anything is called."""

    @classmethod
    def of(cls, wishes: Mapping[str, Any]) -> Self:
        """The simulation that a message asks for.

        Raises:
            ContractError: a part is unknown or out of bounds; `field` is `simulate_effect.<part>`.
        """
        try:
            return cls.model_validate(dict(wishes))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            hint = closest(name, cls.model_fields) if first["type"] == "extra_forbidden" else ""
            raise ContractError(
                f"simulate_effect.{name}: {first['msg']}.{hint}",
                field=f"simulate_effect.{name}",
                reason="unknown" if hint or first["type"] == "extra_forbidden" else "invalid",
                value=first["input"],
            ) from None

    async def play(self, attempt: int, clock: Clock) -> None:
        """What attempt `attempt` does before anything else: it waits, and fails if it has to. Raises LLMError."""
        if latency_ms := self.latency_ms_by_attempt.get(attempt, self.latency_ms):
            await clock.sleep(latency_ms / 1000)
        if attempt <= self.force_fail_attempts:
            raise LLMError.of("unknown", "forced_failure", retryable=True, simulated=True)
