"""Drive one effect from its first attempt to its only terminal signal.

Rule 1: `started`, and each later attempt's beginning, is durable before anything is called.
Rule 2: the ending is decided once, in one place, between two awaits. A cancel that was accepted wins over every ending
        that is not decided yet; after the decision nothing changes it. So there is exactly one terminal signal.
Rule 3: the terminal is written under a shield, whatever is happening to the task that runs the worker.
Rule 4: a backend is told of a cancel while its stream is open, so that an agent can end in its own way. When it has
        answered, or has taken too long, the executor is left, which closes the connection. What arrives is dropped.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final, Literal

import anyio

from ..core.budget import Spent
from ..llm.error import LLMError
from .attempt import Attempt
from .attempt_facts import remains_of, spent_by, times_of
from .backend_cancel import cancel_facts, failed, tell_backend
from .backoff import GiveUp, Wait, next_wait
from .bounds import Bounds, SpentBefore
from .clock import SYSTEM_CLOCK, Clock
from .effect_job import BY_RUNTIME, CancelRequest, EffectJob, Outbox
from .executors.base import Executor, Prepared
from .faults import caught, fault_to_error, is_fault
from .simulation import Simulation

CANCEL_LIMIT_S: Final = 2.0
RUNTIME_CLOSED: Final = "runtime_closed"

Ending = Literal["completed", "failed", "canceled"]


class EffectWorker:
    """One effect, one task, one ending. Everything but `run` is synchronous and belongs to the same event loop."""

    def __init__(
        self,
        job: EffectJob,
        executor: Executor[Any],
        outbox: Outbox,
        *,
        clock: Clock = SYSTEM_CLOCK,
        cancel_limit_s: float = CANCEL_LIMIT_S,
        spent: SpentBefore | None = None,
    ) -> None:
        """Args: spent: what a conversation has spent so far; asked for where its budget caps something."""
        self.job = job
        self.done = anyio.Event()
        """Set when the terminal signal is durable."""
        self.ending: Ending | None = None
        """How it ends, as soon as that is decided."""
        self.attempt = 0
        """The attempt that runs or ran last; 0 before `started`."""
        self._executor = executor
        self._outbox = outbox
        self._clock = clock
        self._cancel_limit_s = cancel_limit_s
        # Seeded, so that a recording waits as the original did; nothing secret hangs on it.
        self._random = Random(job.effect_id)  # noqa: S311
        self._base = {
            "effect_id": job.effect_id,
            "lifecycle": "",
            "effect_class": job.effect_class,
            "kind": job.kind,
            "attempt": 0,
        }
        self._prepared = Prepared()
        self._simulation = Simulation()
        self._current: Attempt | None = None
        self._scope: anyio.CancelScope | None = None
        self._request: CancelRequest | None = None
        self._told: dict[str, Any] | None = None
        self._terminal: dict[str, Any] = {}
        self._bounds = Bounds(job, clock)
        self._spent = spent

    def cancel(self, request: CancelRequest) -> bool:
        """End the effect as canceled; also before `run`, which then writes `canceled` with attempt 0.

        True if this call canceled it; False if it was canceled before or its ending is already decided.
        """
        if self._request is not None or self.ending is not None:
            return False
        self._request = request if request.asked_at is not None else replace(request, asked_at=self._clock.now())
        attempt = self._current
        if self._executor.remote and attempt is not None and attempt.running and attempt.execution_ref is not None:
            attempt.close()
            attempt.cancel_asked.set()
        elif self._scope is not None:
            self._scope.cancel()
        return True

    async def run(self) -> None:
        """Work until the terminal signal is durable.

        Failures of the effect are its ending, not an exception. A cancellation of the task that runs this ends the
        effect as canceled (`runtime_closed`) and goes on its way.

        Raises:
            Exception: whatever the outbox raises when even the terminal cannot be written.
        """
        try:
            with anyio.CancelScope() as self._scope:
                fault = await self._prepare()
                if self._request is None:
                    await self._drive(self._prepared, fault)
        except anyio.get_cancelled_exc_class():
            self.cancel(CancelRequest(RUNTIME_CLOSED, requested_by=BY_RUNTIME))
            raise
        except Exception as fault:
            self._fail(fault_to_error(fault))
        except BaseException as fault:
            self._fail(fault_to_error(fault))
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._end()

    async def _prepare(self) -> BaseException | None:
        """Settle who answers, also for an effect that was canceled before it began. Gives what is wrong with it."""
        try:
            self._simulation = Simulation.of(self.job.simulate)
            self._prepared = await self._executor.prepare(self.job)
        except BaseException as fault:
            if not is_fault(fault):
                raise
            return fault
        self._base.update(self._prepared.attribution)
        return self._prepared.refusal

    async def _drive(self, prepared: Prepared, fault: BaseException | None) -> None:
        self._bounds.begin()
        if fault is None:
            await self._executor.ready(prepared)
        limits = {"max_attempts": self.job.policy.max_attempts, "timeout_ms": self._bounds.attempt_ms(prepared)}
        self.attempt = 1
        self._put("started", {**limits, "request_id": self._request_id()})
        await self._outbox.flush()
        if self._spent is not None and self.job.conversation_budget:
            self._bounds.before = await self._spent(self.job.conversation_id)
        refusal = fault_to_error(fault) if fault is not None else self._bounds.refusal()
        if refusal is not None:
            self._fail(refusal)
            return
        while True:
            failure = await self._run_attempt(prepared)
            if failure is None:
                return
            self._bounds.ended(self._remains(self._current, failure))
            verdict = next_wait(
                self.job.policy, failure, self.attempt, self._random.random(), remaining_ms=self._bounds.remaining_ms()
            )
            if isinstance(verdict, GiveUp):
                self._fail(failure, verdict)
                return
            if (refusal := self._bounds.refusal(wait_ms=verdict.wait_ms, last=failure)) is not None:
                self._fail(refusal)
                return
            await self._back_off(failure, verdict)

    async def _run_attempt(self, prepared: Prepared) -> LLMError | None:
        """One attempt. None: it completed or was canceled. Else why it failed."""
        policy = self.job.policy
        limits = self._bounds.limits(prepared)
        attempt = Attempt(self.attempt, limits, policy.join_ms, self._clock, self._progress)
        self._current = attempt
        outcome: dict[str, Any] | BaseException | None = None
        async with anyio.create_task_group() as helpers:
            helpers.start_soon(attempt.watch)
            if prepared.streaming and policy.join_ms:
                helpers.start_soon(attempt.flush_when_due)
            if self._executor.remote:
                helpers.start_soon(self._tell_when_asked, prepared, attempt)
            with attempt.scope:
                outcome = await self._call(prepared, attempt)
            attempt.release()
            # No await between the result and the decision: a cancel either came before, and wins, or comes too late.
            if isinstance(outcome, dict):
                self._decide("completed", {"result": outcome, **times_of(self._executor, attempt)})
            attempt.close()
            helpers.cancel_scope.cancel()
        if isinstance(outcome, BaseException) and not is_fault(outcome):
            raise outcome
        if isinstance(outcome, dict) or self._request is not None:
            return None
        if outcome is None or attempt.expired is not None:
            # What the executor raised while its scope was being canceled is a consequence, not the reason.
            return self._bounds.expired(attempt)
        return fault_to_error(outcome)

    async def _call(self, prepared: Prepared, attempt: Attempt) -> dict[str, Any] | BaseException:
        try:
            if latency_ms := self._simulation.latency_of(attempt.number):
                await self._clock.sleep(latency_ms / 1000)
            if attempt.number <= self._simulation.force_fail_attempts:
                return LLMError.of("unknown", "forced_failure", retryable=True, simulated=True)
            return await self._executor.run(prepared, self.job, attempt.number, attempt.emit)
        except BaseException as error:
            return caught(error)

    def _progress(self, payload: Mapping[str, Any]) -> None:
        self._put("progress", payload)
        attempt, prepared = self._current, self._prepared
        if self._bounds.counts and attempt is not None and attempt.running:
            so_far = spent_by(self._executor, prepared, attempt.usage, attempt.characters, attempt.served_model)
            if (refusal := self._bounds.refusal(Spent.told(so_far["usage"], so_far["cost"]))) is not None:
                attempt.refuse(refusal)

    async def _tell_when_asked(self, prepared: Prepared, attempt: Attempt) -> None:
        await attempt.cancel_asked.wait()
        # Shielded, and bounded inside: the executor often ends at once when the backend obeys.
        with anyio.CancelScope(shield=True):
            self._told = await tell_backend(self._executor, prepared, attempt.execution_ref, self._cancel_limit_s)
        attempt.scope.cancel()

    async def _back_off(self, error: LLMError, wait: Wait) -> None:
        attempt, self._current = self._current, None
        remains = {**(attempt.session if attempt is not None else {}), **self._remains(attempt, error)}
        remains.pop("partial_text", None)
        self._put(
            "progress",
            {
                "status": "retrying",
                "backoff_ms": wait.backoff_ms,
                "wait_ms": wait.wait_ms,
                "retry_after_ms": wait.retry_after_ms,
                **error.to_payload(),
                "discarded": attempt is not None and attempt.streamed,
                **remains,
                "request_id": self._request_id(),
            },
        )
        await self._clock.sleep(wait.wait_ms / 1000)
        self.attempt += 1
        self._put("progress", {"status": "retry_attempt_started", "request_id": self._request_id()})
        await self._outbox.flush()

    def _fail(self, error: LLMError, verdict: GiveUp | None = None) -> None:
        payload = error.to_payload()
        if verdict is not None and verdict.which in ("retry_after", "deadline"):
            payload["details"] |= {"gave_up": verdict.which, "wait_ms": verdict.wait_ms}
            if verdict.which == "deadline":
                payload["details"].setdefault("which", "deadline")
        self._decide("failed", {**payload, **self._remains(self._current, error)})

    def _decide(self, ending: Ending, terminal: dict[str, Any]) -> None:
        if self.ending is None and self._request is None:
            self.ending = ending
            self._terminal = terminal

    async def _end(self) -> None:
        try:
            attempt = self._current
            if attempt is not None:
                attempt.close()
            if self.ending is not None:
                self._put(self.ending, self._terminal)
            else:
                await self._end_canceled(attempt)
            await self._outbox.flush()
        finally:
            self.done.set()

    async def _end_canceled(self, attempt: Attempt | None) -> None:
        self.ending = "canceled"
        request = self._request or CancelRequest(RUNTIME_CLOSED, requested_by=BY_RUNTIME, asked_at=self._clock.now())
        # What stays if this very wait is broken off from outside; the terminal is written all the same.
        told = self._told
        if told is None and self._executor.remote:
            told = failed(LLMError("canceled", "interrupted"))
        try:
            if self._told is None:
                ref = attempt.execution_ref if attempt is not None else None
                told = await tell_backend(self._executor, self._prepared, ref, self._cancel_limit_s, closed=True)
        finally:
            terminal = {**(told or {}), **self._remains(attempt)}
            self._put(
                "canceled", terminal | cancel_facts(request, attempt, self._clock.now()), cause_id=request.cause_id
            )

    def _remains(self, attempt: Attempt | None, error: LLMError | None = None) -> dict[str, Any]:
        return remains_of(self._executor, self._prepared, attempt, error)

    def _put(self, lifecycle: str, data: Mapping[str, Any], *, cause_id: str | None = None) -> None:
        session = self._current.session if self._current is not None else {}
        payload = {**self._base, "lifecycle": lifecycle, "attempt": self.attempt, **session, **data}
        self._outbox.put(lifecycle, payload, cause_id=cause_id)

    def _request_id(self) -> str:
        return f"{self.job.effect_id}:{self.attempt}"
