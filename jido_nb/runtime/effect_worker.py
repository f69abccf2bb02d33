"""Drive one effect from its first attempt to its only terminal signal.

Rule 1: `started`, and each later attempt's beginning, is durable before anything is called.
Rule 2: the ending is decided once, in one place, between two awaits. A cancel that was accepted wins over every ending
        that is not decided yet; after the decision nothing changes it. So there is exactly one terminal signal.
Rule 3: the terminal is written under a shield, whatever is happening to the task that runs the worker.
Rule 4: a backend is told of a cancel while its stream is open, so that an agent can end in its own way. When it has
        answered, or has taken too long, the executor is left, which closes the connection. What arrives is dropped.
Rule 5: an executor that does not let itself be left is left behind: the effect ends without it (`left_behind`).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Literal

import anyio

from ..journal.commit_points import reached
from ..llm.error import LLMError
from .attempt import Attempt
from .attempt_facts import failure_of, remains_of, retrying, spent_so_far, times_of
from .backend_cancel import cancel_facts, failed, tell_backend
from .backoff import GiveUp, Wait
from .bounds import Bounds, SpentBefore
from .effect_job import CLOSED, CancelRequest, EffectJob, Outbox
from .executors.base import Executor, Prepared
from .faults import caught, fault_to_error, is_fault
from .limits import CANCEL_LIMIT_S, LEAVE_LIMIT_S
from .pace import Pace
from .simulation import Simulation

Ending = Literal["completed", "failed", "canceled"]


class EffectWorker:
    """One effect, one task, one ending. Everything but `run` is synchronous and belongs to the same event loop."""

    def __init__(
        self,
        job: EffectJob,
        executor: Executor[Any],
        outbox: Outbox,
        *,
        pace: Pace | None = None,
        cancel_limit_s: float = CANCEL_LIMIT_S,
        leave_limit_s: float = LEAVE_LIMIT_S,
        spent: SpentBefore | None = None,
    ) -> None:
        """Args: spent: what a conversation has spent so far."""
        self.job = job
        self.done = anyio.Event()
        """Set when the terminal signal is durable."""
        self.ending: Ending | None = None
        """How it ends, as soon as that is decided."""
        self.attempt = 0
        """The attempt that runs or ran last; 0 before `started`."""
        self.left_behind = False
        """Whether it ended without its executor, which may still be at work."""
        self._executor, self._outbox = executor, outbox
        self._pace = pace or Pace()
        self._clock = clock = self._pace.clock
        self._cancel_limit_s, self._leave_limit_s = cancel_limit_s, leave_limit_s
        # Seeded, so that a recording waits as the original did; nothing secret hangs on it.
        self._random = Random(job.effect_id)  # noqa: S311
        self._base = job.to_payload()
        self._prepared, self._simulation = Prepared(), Simulation()
        self._current: Attempt | None = None
        self._scope: anyio.CancelScope | None = None
        self._request: CancelRequest | None = None
        self._told: dict[str, Any] | None = None
        self._terminal: dict[str, Any] = {}
        self._over = False
        self._bounds = Bounds(job, clock, spent)

    def cancel(self, request: CancelRequest) -> bool:
        """End the effect as canceled; also before `run`, which then writes `canceled` with attempt 0.

        False if it was canceled before, or its ending is already decided.
        """
        if self._request is not None or self.ending is not None:
            return False
        self._request = request if request.asked_at is not None else replace(request, asked_at=self._clock.now())
        attempt = self._current
        if self._executor.remote and attempt is not None and attempt.running and attempt.execution_ref is not None:
            attempt.close()
            attempt.on_cancel()
        elif self._scope is not None:
            if attempt is not None:
                attempt.on_leaving()
            self._scope.cancel()
        reached("effect.canceled")
        return True

    async def run(self) -> None:
        """Work until the terminal signal is durable.

        Failures of the effect are its ending, not an exception. A cancellation of the task that runs this ends the
        effect as canceled (`runtime_closed`) and goes on its way.

        Raises:
            Exception: whatever the outbox raises when even the terminal cannot be written.
        """
        reached("effect.begun")
        try:
            with anyio.CancelScope() as self._scope:
                fault = await self._prepare()
                if self._request is None:
                    await self._drive(self._prepared, fault)
        except anyio.get_cancelled_exc_class():
            self.cancel(CLOSED)
            raise
        except BaseException as fault:
            self._fail(fault_to_error(fault))
            if not isinstance(fault, Exception):
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
        resumed = self.job.resumed
        self.attempt = resumed.attempt if resumed is not None else 1
        if resumed is None:
            await self._begin(prepared)
        await self._bounds.look_back()
        failure = resumed.failure if resumed is not None else None
        refusal = fault_to_error(fault) if fault is not None else self._bounds.refusal(last=failure)
        if refusal is not None:
            self._fail(refusal)
            return
        if failure is None:
            if resumed is not None:
                await self._next_attempt(resumed.wait_ms)
            failure = await self._run_attempt(prepared)
        while failure is not None:
            jitter = self._random.random()
            verdict = self._bounds.after(failure, self.attempt, jitter, self._remains(self._current, failure))
            if not isinstance(verdict, Wait):
                self._fail(*verdict)
                return
            await self._back_off(failure, verdict)
            failure = await self._run_attempt(prepared)

    async def _begin(self, prepared: Prepared) -> None:
        limits = {"max_attempts": self.job.policy.max_attempts, "timeout_ms": self._bounds.attempt_ms(prepared)}
        self._put("started", {**limits, "request_id": self._request_id()})
        await self._outbox.flush()
        reached("effect.started")

    async def _run_attempt(self, prepared: Prepared) -> LLMError | None:
        """One attempt. None: it completed or was canceled. Else why it failed."""
        join_ms = self.job.policy.join_ms
        attempt = Attempt(self.attempt, self._bounds.limits(prepared), join_ms, self._pace, self._progress)
        self._current = attempt
        outcome: dict[str, Any] | BaseException | None = None
        async with anyio.create_task_group() as tasks:
            attempt.on_leaving = partial(tasks.start_soon, self._see_it_leave, attempt)
            attempt.on_cancel = partial(tasks.start_soon, self._tell, prepared, attempt)
            helpers = [tasks.start_soon(attempt.watch)]
            if prepared.streaming and join_ms:
                helpers.append(tasks.start_soon(attempt.flush_when_due))
            with attempt.scope:
                outcome = await self._call(prepared, attempt)
            reached("effect.returned")
            # No await between the result and the decision: a cancel either came before, and wins, or comes too late.
            if isinstance(outcome, dict):
                self._decide("completed", {"result": outcome, **times_of(self._executor, attempt)})
            attempt.close()
            # Not their group: anyio keeps the frames of a task that ends canceled until the garbage collector comes.
            for helper in helpers:
                helper.cancel()
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
            await self._simulation.play(attempt.number, self._clock)
            return await self._executor.run(prepared, self.job, attempt.number, attempt.emit)
        except BaseException as error:
            return caught(error)
        finally:
            attempt.release()

    def _progress(self, payload: Mapping[str, Any]) -> None:
        self._put("progress", payload)
        reached("effect.progressed")
        attempt, prepared = self._current, self._prepared
        if attempt is not None and attempt.running and self._bounds.counts:
            refusal = self._bounds.refusal(spent_so_far(self._executor, prepared, attempt))
            if refusal is not None:
                attempt.refuse(refusal)

    async def _tell(self, prepared: Prepared, attempt: Attempt) -> None:
        # Shielded, and bounded inside: the executor often ends at once when the backend obeys.
        with anyio.CancelScope(shield=True):
            self._told = await tell_backend(self._executor, prepared, attempt.execution_ref, self._cancel_limit_s)
        reached("effect.told")
        attempt.leave()

    async def _see_it_leave(self, attempt: Attempt) -> None:
        # Shielded, because it is for the time after everything else was told to stop.
        with anyio.CancelScope(shield=True):
            if await attempt.overstays(self._leave_limit_s):
                self.left_behind = True
                if attempt.expired is not None:
                    self._fail(self._bounds.expired(attempt))
                await self._end()

    async def _back_off(self, error: LLMError, wait: Wait) -> None:
        attempt, self._current = self._current, None
        said = retrying(error, wait, attempt, self._remains(attempt, error))
        self._put("progress", {**said, "request_id": self._request_id()})
        reached("effect.retrying")
        await self._next_attempt(wait.wait_ms * error.pace)

    async def _next_attempt(self, wait_ms: float) -> None:
        await self._clock.sleep(wait_ms / 1000)
        self.attempt += 1
        self._put("progress", {"status": "retry_attempt_started", "request_id": self._request_id()})
        await self._outbox.flush()
        reached("effect.retried")

    def _fail(self, error: LLMError, verdict: GiveUp | None = None) -> None:
        self._decide("failed", {**failure_of(error, verdict), **self._remains(self._current, error)})

    def _decide(self, ending: Ending, terminal: dict[str, Any]) -> None:
        if self.ending is None and self._request is None:
            self.ending = ending
            self._terminal = terminal
            reached("effect.decided")

    async def _end(self) -> None:
        if self._over:
            return
        self._over = True
        try:
            if self._current is not None:
                self._current.close()
            if self.ending is not None:
                self._put(self.ending, self._terminal)
            else:
                await self._end_canceled(self._current)
            reached("effect.ended")
            await self._outbox.flush()
            reached("effect.done")
        finally:
            self.done.set()

    async def _end_canceled(self, attempt: Attempt | None) -> None:
        self.ending = "canceled"
        request = self._request or replace(CLOSED, asked_at=self._clock.now())
        # What stays if this very wait is broken off from outside; the terminal is written all the same.
        told = self._told
        if told is None and self._executor.remote:
            told = failed(LLMError("canceled", "interrupted"))
        try:
            if self._told is None:
                ref = attempt.execution_ref if attempt is not None else None
                told = await tell_backend(self._executor, self._prepared, ref, self._cancel_limit_s, closed=True)
        finally:
            terminal = {**(told or {}), **self._remains(attempt), **cancel_facts(request, attempt, self._clock.now())}
            self._put("canceled", terminal, cause_id=request.cause_id)

    def _remains(self, attempt: Attempt | None, error: LLMError | None = None) -> dict[str, Any]:
        remains = remains_of(self._executor, self._prepared, attempt, error)
        resumed = self.job.resumed
        if resumed is not None and error is resumed.failure and attempt is None:
            remains |= resumed.times
        return remains | ({"left_behind": True} if self.left_behind else {})

    def _put(self, lifecycle: str, data: Mapping[str, Any], *, cause_id: str | None = None) -> None:
        session = self._current.session if self._current is not None else {}
        payload = {**self._base, "lifecycle": lifecycle, "attempt": self.attempt, **session, **data}
        self._outbox.put(lifecycle, payload, cause_id=cause_id)

    def _request_id(self) -> str:
        return f"{self.job.effect_id}:{self.attempt}"
