"""What bounds one effect: the limits of its attempts, its deadline, and the budgets of it and its conversation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ..core.budget import NOTHING_SPENT, Spent, reached
from ..llm.error import LLMError
from .attempt import Attempt
from .backoff import GiveUp, Wait, next_wait
from .clock import Clock
from .effect_job import EffectJob
from .executors.base import Prepared
from .limits import Limits

SpentBefore = Callable[[str], Awaitable[Spent]]
"""Conversation id to what its generations have spent so far."""
CHECKS: Final = ("tokens", "cost_usd")
"""The caps that an attempt can reach while it streams."""


class Bounds:
    """Of one effect. The decisions are those of `core.budget`; this keeps count and looks at the clock."""

    def __init__(self, job: EffectJob, clock: Clock, spent_before: SpentBefore | None = None) -> None:
        """Args: spent_before: asked for what the conversation has spent where its budget caps something."""
        self.before = NOTHING_SPENT
        """What the conversation had spent before this effect."""
        self.counts = any(
            getattr(budget, cap) is not None
            for budget in (job.policy.budget, job.conversation_budget)
            for cap in CHECKS
        )
        """Whether a running attempt has to be watched for what it consumes."""
        self._job = job
        self._spent_before = spent_before
        self._policy = job.policy
        self._conversation_budget = job.conversation_budget
        self._clock = clock
        self._began_at = clock.now()
        self._spent = NOTHING_SPENT
        # What a resumed effect spent before counts among what its conversation has spent before, too.
        self._earlier = job.resumed.spent if job.resumed is not None else NOTHING_SPENT
        self._earlier_ms = job.resumed.elapsed_ms if job.resumed is not None else 0.0

    def begin(self) -> None:
        """The effect's time starts now; that of a resumed one began with its first attempt."""
        self._began_at = self._clock.now() - self._earlier_ms / 1000

    async def look_back(self) -> None:
        """Learn what the conversation has spent before."""
        if self._spent_before is not None and self._conversation_budget:
            self.before = await self._spent_before(self._job.conversation_id)

    def attempt_ms(self, prepared: Prepared) -> int | None:
        """The limit of one attempt."""
        return self._policy.timeout_ms if self._policy.timeout_ms is not None else prepared.timeout_ms

    def limits(self, prepared: Prepared) -> Limits:
        """Of an attempt that begins now."""
        wall_ms = self._wall_cap_ms()
        return Limits(
            attempt_ms=self.attempt_ms(prepared),
            first_chunk_ms=self._policy.first_chunk_timeout_ms if prepared.streaming else None,
            idle_ms=self._policy.idle_timeout_ms if prepared.streaming else None,
            deadline_ms=self.remaining_ms(),
            budget_ms=None if wall_ms is None else wall_ms - self._elapsed_ms(),
        )

    def remaining_ms(self) -> float | None:
        """Until the deadline; None: there is none."""
        deadline_ms = self._policy.deadline_ms
        return None if deadline_ms is None else deadline_ms - self._elapsed_ms()

    def expired(self, attempt: Attempt) -> LLMError:
        """Why an attempt that a limit ended has failed."""
        if attempt.expired != "budget":
            return attempt.limits.error(attempt.expired or "attempt", self._policy.deadline_ms)
        if attempt.refusal is not None:
            return attempt.refusal
        # The watch may wake a fraction of a millisecond before the clock says so.
        wall_ms = max(self._elapsed_ms(), self._wall_cap_ms() or 0)
        return self._refusal(Spent(wall_ms=wall_ms)) or attempt.limits.error("budget")

    def after(
        self, failure: LLMError, attempt: int, jitter: float, remains: Mapping[str, Any]
    ) -> Wait | tuple[LLMError, GiveUp | None]:
        """What follows a failed attempt: a wait, or the error that ends the effect and the rule that forbade more.

        Args:
            jitter: A number in [0, 1), drawn by the caller.
            remains: What the attempt consumed (`usage`, `cost`).
        """
        self.ended(remains)
        verdict = next_wait(self._policy, failure, attempt, jitter, remaining_ms=self.remaining_ms())
        if isinstance(verdict, GiveUp):
            return failure, verdict
        refusal = self.refusal(wait_ms=verdict.wait_ms, last=failure)
        return verdict if refusal is None else (refusal, None)

    def ended(self, remains: Mapping[str, Any]) -> None:
        """An attempt is over; count what it consumed."""
        self._spent += Spent(attempts=1) + Spent.told(remains.get("usage"), remains.get("cost"))

    def refusal(
        self, running: Spent = NOTHING_SPENT, *, wait_ms: float = 0, last: LLMError | None = None
    ) -> LLMError | None:
        """The error that ends the effect because a budget is spent; None: go on.

        Args:
            running: What the attempt that runs now has consumed so far.
            wait_ms: The wait before the next attempt.
            last: Why the attempt before failed.
        """
        refusal = self._refusal(running + Spent(wall_ms=self._elapsed_ms() + wait_ms), last)
        if refusal is not None and wait_ms and refusal.details["budget"] == "wall_ms":
            refusal.details["wait_ms"] = wait_ms  # it is part of what is called used
        return refusal

    def _refusal(self, more: Spent, last: LLMError | None = None) -> LLMError | None:
        mine = self._spent + more
        found = reached("effect", self._policy.budget, self._earlier + mine) or reached(
            "conversation", self._conversation_budget, self.before + mine
        )
        if found is None:
            return None
        details = found.details
        message = found.message
        if last is not None:
            details |= {"last_category": last.category, "last_reason": last.message}
            message = f"{message}; the last attempt failed with {last}"
        error = LLMError("config", message, details=details)
        if last is not None:
            error.usage, error.partial_text = last.usage, last.partial_text
        return error

    def _wall_cap_ms(self) -> float | None:
        caps = [] if self._policy.budget.wall_ms is None else [float(self._policy.budget.wall_ms)]
        if self._conversation_budget.wall_ms is not None:
            caps.append(self._conversation_budget.wall_ms - self.before.wall_ms)
        return min(caps, default=None)

    def _elapsed_ms(self) -> float:
        return (self._clock.now() - self._began_at) * 1000
