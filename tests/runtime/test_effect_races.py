"""Exactly one ending, whatever the executor does and whenever the cancel comes."""

import asyncio

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido_nb.llm.error import LLMError, from_status
from jido_nb.llm.event import LLMEvent
from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, Started, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

pytestmark = pytest.mark.anyio

HANGING = [Started("ref"), Wait()]
BY_USER = CancelRequest("user_cancel", cause_id="control-1", requested_by="ada")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_backend_that_cancels_itself_has_failed(anyio_backend):
    effect = ScriptedEffect([Delta("a"), Fail(asyncio.CancelledError())])
    await effect.run()
    assert (effect.outbox.terminal.lifecycle, effect.ending["error_category"]) == ("failed", "canceled")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=lambda error: type(error).__name__)
async def test_an_interrupt_ends_the_effect_and_goes_on_its_way(error):
    effect = ScriptedEffect([Delta("a"), Fail(error)])
    with pytest.raises(type(error)):
        await effect.worker.run()
    assert effect.outbox.story == ["started@1", "streaming@1", "failed@1"]
    assert effect.ending["details"] == {"reason": type(error).__name__}


async def canceled(effect):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.001)
        assert effect.worker.cancel(BY_USER)


class Stubborn:
    """Wraps a backend and answers a cancellation with something else."""

    def __init__(self, answer):
        self.answer = answer

    async def __call__(self, prepared, job, attempt, emit):
        try:
            await anyio.sleep_forever()
        except BaseException:
            if isinstance(self.answer, Exception):
                raise self.answer from None
            return self.answer


@pytest.mark.parametrize(
    "answer",
    [{"text": "late"}, LLMError("transport", "closed"), ValueError("closed"), ExceptionGroup("g", [OSError("x")])],
    ids=["result", "error", "fault", "group"],
)
async def test_a_cancel_wins_over_whatever_the_executor_makes_of_it(answer):
    effect = ScriptedEffect(HANGING)
    effect.worker._executor.run = Stubborn(answer)
    await canceled(effect)
    assert (effect.outbox.story, effect.ending["reason"]) == (["started@1", "canceled@1"], "user_cancel")


async def test_a_group_that_mixes_a_cancellation_with_errors_is_a_cancellation():
    async def run(prepared, job, attempt, emit):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            try:
                await anyio.sleep_forever()
            finally:
                raise ValueError("in the cleanup")

    effect = ScriptedEffect(HANGING)
    effect.worker._executor.run = run
    await canceled(effect)
    assert effect.outbox.story == ["started@1", "canceled@1"]


async def test_what_is_emitted_after_the_end_is_dropped():
    leaked = []

    async def run(prepared, job, attempt, emit):
        leaked.append(emit)
        return {"text": "ok"}

    effect = ScriptedEffect(HANGING)
    effect.worker._executor.run = run
    await effect.run()
    leaked[0](LLMEvent("delta", 0, delta="late"))
    assert effect.outbox.story == ["started@1", "completed@1"]


RETRIED = (
    [Started("ref"), Delta("a"), Delta("b"), Fail(from_status(503, "busy"))],
    [Started("ref"), Delta("c"), Complete()],
)


@pytest.mark.parametrize(
    ("label", "accepted"),
    [
        ("started@1", True),
        ("streaming@1", True),
        ("retrying@1", True),
        ("retry_attempt_started@2", True),
        ("streaming@2", True),
        ("completed@2", False),
    ],
)
async def test_a_cancel_at_each_signal_gives_one_ending(label, accepted):
    answers = []

    def cancel(put):
        if put.label == label:
            answers.append(effect.worker.cancel(BY_USER))

    effect = ScriptedEffect(*RETRIED, on_put=cancel, policy={"join_ms": 0})
    await effect.run()
    assert answers[0] is accepted
    assert effect.outbox.terminal.lifecycle == ("canceled" if accepted else "completed")
    assert effect.outbox.puts[-1] == effect.outbox.terminal


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    after=st.integers(0, 120),
    twice=st.integers(0, 20) | st.none(),
    closing=st.booleans(),
    timeout_ms=st.sampled_from([None, 1, 3]),
    slow_cancel=st.booleans(),
)
async def test_whenever_it_is_canceled_there_is_exactly_one_ending(after, twice, closing, timeout_ms, slow_cancel):
    effect = ScriptedEffect(
        [Started("ref"), Delta("a"), Pause(2), Delta("b"), Fail(from_status(503, "busy"))],
        [Started("ref"), Delta("c"), Pause(2), Complete()],
        policy={"timeout_ms": timeout_ms, "max_attempts": 2, "join_ms": 1, "backoff_ms": 1},
        on_cancel=[Pause(1)] if slow_cancel else [],
    )
    accepted = False
    async with anyio.create_task_group() as outer, anyio.create_task_group() as tasks:
        outer.start_soon(ticking, effect)
        tasks.start_soon(effect.worker.run)
        for _ in range(after):
            await checkpoint()
        if closing:
            tasks.cancel_scope.cancel()
        else:
            accepted = effect.worker.cancel(BY_USER)
            for _ in range(twice or 0):
                await checkpoint()
            assert twice is None or not effect.worker.cancel(CancelRequest("twice"))
    assert len(effect.outbox.terminals) == 1
    assert effect.outbox.puts[-1].lifecycle == effect.worker.ending
    assert effect.outbox.durable == len(effect.outbox.puts)
    if closing:
        assert effect.worker.ending != "canceled" or effect.ending["reason"] == "runtime_closed"
    else:
        assert (effect.worker.ending == "canceled") is accepted
    assert len(effect.backend.closed) == len(effect.backend.requests)


async def ticking(effect):
    """Let the effect's clock run, half a millisecond every few steps, until it has ended."""
    while not effect.worker.done.is_set():
        await effect.clock.advance(0.0005, settle_steps=1)
