"""What does the work of an effect class: the seam between an effect worker and a backend, a tool or a timer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ...llm.event import LLMEvent
from ...llm.usage import Usage
from ..effect_job import EffectJob

Emit = Callable[[LLMEvent], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was settled before the first attempt."""

    attribution: Mapping[str, Any] = field(default_factory=dict)
    """Keys that every lifecycle signal of the effect carries, from `started` on."""
    timeout_ms: int | None = None
    """Limit of one attempt where the policy names none, in milliseconds."""
    streaming: bool = False
    """Chunks are expected, so the limits on the first chunk and on silence apply."""
    refusal: Exception | None = None
    """Why no attempt can be made: the effect fails with it as soon as it has started."""


PreparedT = TypeVar("PreparedT", bound=Prepared)


class Executor(Protocol[PreparedT]):
    """Runs the attempts of one class of effects. A failure is raised as `LLMError`; anything else is a mistake."""

    @property
    def remote(self) -> bool:
        """The work happens elsewhere: endings tell the partial text and usage, and a cancel is told to the backend."""
        ...

    async def prepare(self, job: EffectJob) -> PreparedT:
        """Settle what does not change between attempts, without calling anything.

        Raises:
            LLMError: `config`: what was asked for does not exist.
        """
        ...

    async def ready(self, prepared: PreparedT) -> None:
        """Let imports and connections be made, so that they are not the first attempt's time. Raises nothing."""
        ...

    async def run(self, prepared: PreparedT, job: EffectJob, attempt: int, emit: Emit) -> dict[str, Any]:
        """Make one attempt; give the `result` of the completed signal. Being canceled ends it in bounded time."""
        ...

    async def cancel(self, prepared: PreparedT, execution_ref: str) -> bool | Mapping[str, Any]:
        """Tell the backend that nobody waits any more. False: it has no way to be told. A mapping: how it ended.

        Raises:
            LLMError: the backend tried and could not.
        """
        ...

    def cost(self, prepared: PreparedT, usage: Usage, served_model: str | None) -> dict[str, Any] | None:
        """What `usage` costs, as a payload; None when that is not known."""
        ...
