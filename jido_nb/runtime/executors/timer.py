"""Timer effects: they wait."""

from typing import Any

from ...llm.error import LLMError
from ...llm.usage import Usage
from ..clock import SYSTEM_CLOCK, Clock
from ..effect_job import EffectJob
from .base import Emit, Prepared

MAX_WAIT_MS = 7 * 86_400_000


class TimerExecutor:
    """Waits `input["wait_ms"]` milliseconds; a tick that names none is over at once."""

    remote = False

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    async def prepare(self, job: EffectJob) -> Prepared:
        """Check the wait. Raises LLMError `config` when it is not a number of milliseconds up to a week."""
        _wait_ms(job)
        return Prepared()

    async def ready(self, prepared: Prepared) -> None:
        """Always is."""

    async def run(self, prepared: Prepared, job: EffectJob, attempt: int, emit: Emit) -> dict[str, Any]:
        wait_ms = _wait_ms(job)
        await self._clock.sleep(wait_ms / 1000)
        return {"status": "completed", "waited_ms": wait_ms}

    async def cancel(self, prepared: Prepared, execution_ref: str) -> bool:
        return False

    def cost(self, prepared: Prepared, usage: Usage, served_model: str | None) -> None:
        return None


def _wait_ms(job: EffectJob) -> float:
    wait_ms = job.input.get("wait_ms", 0)
    if isinstance(wait_ms, bool) or not isinstance(wait_ms, int | float) or not 0 <= wait_ms <= MAX_WAIT_MS:
        raise LLMError.of(
            "config", f"wait_ms has to be 0 to {MAX_WAIT_MS} milliseconds, not {wait_ms!r}", field="wait_ms"
        )
    return wait_ms
