"""A cancel ends an effect at any moment, once, and says how the backend took it."""

import asyncio

import anyio
import pytest

from jido_nb.llm.backend import Capabilities
from jido_nb.llm.error import LLMError, from_status
from jido_nb.llm.usage import Usage
from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.runtime.effect_worker import EffectWorker
from jido_nb.runtime.executors.timer import TimerExecutor
from jido_nb.testing.effects import effect_job
from jido_nb.testing.memory_outbox import MemoryOutbox
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, Started, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

pytestmark = pytest.mark.anyio

HANGING = [Started("ref-7", usage=Usage(input_tokens=3)), Delta("par"), Delta("tial"), Wait()]
BY_USER = CancelRequest("user_cancel", cause_id="control-1", requested_by="ada")
NO_CANCEL = Capabilities(cancellation=False)


def outcome(data):
    return {key.removeprefix("backend_cancel"): value for key, value in data.items() if "backend_cancel" in key}


async def canceled_after(effect, ms, request=BY_USER):
    """Run `effect` and cancel it when `ms` of its clock have passed."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(ms / 1000)
        assert effect.worker.cancel(request)
        await effect.clock.advance(0)
        with anyio.fail_after(5):
            await effect.worker.done.wait()
    assert len(effect.backend.closed) == len(effect.backend.requests)
    assert effect.outbox.durable == len(effect.outbox.puts)
    return effect.ending


async def test_a_canceled_stream_says_who_and_why_and_keeps_what_had_arrived():
    effect = ScriptedEffect(HANGING)
    ending = await canceled_after(effect, 50)
    assert effect.outbox.story == ["started@1", "streaming@1", "canceled@1"]
    assert effect.outbox.terminal.cause_id == "control-1"
    assert effect.backend.cancels == ["ref-7"]
    assert {key: value for key, value in ending.items() if key not in ("usage", "effect_class", "kind")} == {
        "effect_id": "llm-generation-m1",
        "lifecycle": "canceled",
        "attempt": 1,
        "backend": "scripted",
        "provider": "provider",
        "model": "model",
        "stream": True,
        "reason": "user_cancel",
        "requested_by": "ada",
        "backend_cancel": "ok",
        "partial_text": "partial",
        "cancel_latency_ms": 0,
        "closed_latency_ms": 0,
        "duration_ms": 50,
        "first_chunk_ms": 0,
        "cost": None,
    }
    assert ending["usage"]["input_tokens"] == 3


# Reference 3.2.
@pytest.mark.parametrize(
    ("script", "options", "told", "says"),
    [
        (HANGING, {}, True, {"": "ok"}),
        (
            HANGING,
            {"on_cancel": [Fail(LLMError("provider", "too late"))]},
            True,
            {"": "failed", "_reason": "too late", "_category": "provider", "_retryable": True},
        ),
        (
            HANGING,
            {"on_cancel": [Fail(ValueError("boom"))]},
            True,
            {"": "failed", "_reason": "boom", "_category": "unknown", "_retryable": False},
        ),
        (
            HANGING,
            {"on_cancel": [Wait()], "cancel_limit_s": 0.02},
            True,
            {
                "": "failed",
                "_reason": "the backend did not answer the cancel within 0.02 s",
                "_category": "timeout",
                "_retryable": True,
            },
        ),
        (HANGING, {"capabilities": NO_CANCEL}, False, {"": "not_available"}),
        ([Started(None), Delta("a"), Wait()], {}, False, {"": "not_available"}),
        ([Wait()], {}, False, {"": "not_available"}),
        (HANGING, {"stream": False}, False, {"": "not_available"}),
    ],
    ids=["ok", "refused", "raises", "slow", "cannot", "no ref", "before the ref", "start"],
)
async def test_the_ending_says_how_the_backend_took_it(script, options, told, says):
    effect = ScriptedEffect(script, **options)
    assert outcome(await canceled_after(effect, 50)) == says
    assert effect.backend.cancels == (["ref-7"] if told else [])


async def test_the_backend_is_told_while_its_stream_is_open_and_the_stream_is_closed_all_the_same():
    effect = ScriptedEffect(HANGING)
    closed = []
    cancel = effect.backend.cancel
    effect.backend.cancel = lambda ref: closed.extend(effect.backend.closed) or cancel(ref)
    await canceled_after(effect, 1)
    assert closed == []
    assert effect.backend.closed == ["llm-generation-m1:1"]


@pytest.mark.parametrize(
    "script",
    [
        [Pause(20), Delta(" late"), Complete({"text": "done"})],
        [Pause(20), Fail(LLMError("transport", "closed by us"))],
        [Pause(20), Fail(from_status(401, "no"))],
        [Pause(80), Delta(" late"), Wait()],
    ],
    ids=["completes", "breaks", "fails", "goes on"],
)
async def test_what_the_stream_does_while_the_backend_is_told_changes_nothing(script):
    effect = ScriptedEffect([Started("ref"), Delta("early"), *script], on_cancel=[Pause(100)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.01)
        effect.worker.cancel(BY_USER)
        await effect.clock.advance(0.2)
    assert effect.outbox.story == ["started@1", "streaming@1", "canceled@1"]
    assert (outcome(effect.ending), effect.ending["partial_text"]) == ({"": "ok"}, "early")
    assert effect.backend.cancels == ["ref"]


async def test_a_limit_that_passes_while_the_backend_is_told_changes_nothing():
    effect = ScriptedEffect(HANGING, on_cancel=[Pause(100)], policy={"timeout_ms": 50})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.04)
        effect.worker.cancel(BY_USER)
        await effect.clock.advance(0.2)
    assert (effect.ending["lifecycle"], outcome(effect.ending)) == ("canceled", {"": "ok"})
    assert effect.backend.cancels == ["ref-7"]


async def test_a_cancel_during_backoff_ends_the_wait():
    effect = ScriptedEffect(
        [Started("ref"), Delta("void"), Fail(from_status(503, "busy"))], policy={"backoff_ms": 1000}
    )
    ending = await canceled_after(effect, 500)
    assert effect.outbox.story == ["started@1", "streaming@1", "retrying@1", "canceled@1"]
    assert outcome(ending) == {"": "not_available"}
    assert (ending["backend"], ending["partial_text"], ending["duration_ms"]) == ("scripted", "", None)
    assert len(effect.backend.requests) == 1


async def test_only_the_last_attempt_counts_in_the_partial_text():
    effect = ScriptedEffect([Delta("first"), Fail(from_status(503, "busy"))], [Delta("second"), Wait()])
    assert (await canceled_after(effect, 50))["partial_text"] == "second"


async def test_a_queued_effect_is_canceled_without_beginning():
    effect = ScriptedEffect(HANGING)
    assert effect.worker.cancel(BY_USER)
    assert not effect.worker.cancel(BY_USER)
    await effect.run()
    assert effect.outbox.story == ["canceled@0"]
    assert (effect.ending["reason"], outcome(effect.ending)) == ("user_cancel", {"": "not_available"})
    assert effect.backend.requests == []


async def test_an_effect_that_never_began_still_names_who_was_asked():
    effect = ScriptedEffect(HANGING)
    effect.worker.cancel(BY_USER)
    await effect.run()
    asked = {key: effect.ending[key] for key in ("backend", "provider", "model", "stream")}
    assert asked == {"backend": "scripted", "provider": "provider", "model": "model", "stream": True}


async def test_the_first_cancel_counts_and_later_ones_change_nothing():
    effect = ScriptedEffect(HANGING, on_cancel=[Pause(100)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.01)
        answers = [effect.worker.cancel(BY_USER), effect.worker.cancel(CancelRequest("again"))]
        await effect.clock.advance(0.05)
        answers.append(effect.worker.cancel(CancelRequest("during the cancel")))
        await effect.clock.advance(1)
        await effect.worker.done.wait()
        answers.append(effect.worker.cancel(CancelRequest("after the end")))
    assert answers == [True, False, False, False]
    assert effect.ending["reason"] == "user_cancel"
    assert effect.ending["cancel_latency_ms"] == 100


async def test_a_cancel_after_the_end_is_refused():
    effect = ScriptedEffect([Complete({"text": "done"})])
    await effect.run()
    assert not effect.worker.cancel(BY_USER)
    assert effect.outbox.terminal.lifecycle == "completed"


async def test_the_latency_counts_from_when_the_cancel_was_asked_for():
    effect = ScriptedEffect(HANGING)
    ending = await canceled_after(effect, 50, CancelRequest("late", asked_at=0.03))
    assert ending["cancel_latency_ms"] == 20
    assert "requested_by" not in ending
    assert effect.outbox.terminal.cause_id is None


async def test_a_timer_has_no_backend_to_tell():
    outbox = MemoryOutbox()
    worker = EffectWorker(effect_job("timer", input={"wait_ms": 60_000}), TimerExecutor(), outbox)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        await anyio.wait_all_tasks_blocked()
        worker.cancel(BY_USER)
    assert outbox.story == ["started@1", "canceled@1"]
    assert not {"backend_cancel", "partial_text", "usage"} & set(outbox.terminal.data)


async def test_a_runtime_that_closes_ends_what_runs_and_tells_the_backend():
    effect = ScriptedEffect(HANGING)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.05)
        tasks.cancel_scope.cancel()
    assert effect.outbox.story == ["started@1", "streaming@1", "canceled@1"]
    assert (effect.ending["reason"], outcome(effect.ending)) == ("runtime_closed", {"": "ok"})
    assert effect.worker.done.is_set()
    assert effect.outbox.durable == len(effect.outbox.puts)


async def test_a_runtime_that_closes_while_a_backend_is_told_waits_for_its_answer():
    effect = ScriptedEffect(HANGING, on_cancel=[Pause(100)])
    async with anyio.create_task_group() as outer, anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.05)
        effect.worker.cancel(BY_USER)
        await effect.clock.advance(0.01)
        outer.start_soon(effect.clock.advance, 1)
        tasks.cancel_scope.cancel()
    assert (effect.ending["reason"], outcome(effect.ending)) == ("user_cancel", {"": "ok"})
    assert effect.backend.cancels == ["ref-7"]


async def test_a_backend_that_finds_its_stream_already_closed_has_done_its_part():
    effect = ScriptedEffect(HANGING, on_cancel=[Fail(LLMError("config", "nothing is running"))])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.05)
        tasks.cancel_scope.cancel()
    assert outcome(effect.ending) == {"": "ok"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_natively_canceled_task_ends_its_effect_and_stays_canceled(anyio_backend):
    effect = ScriptedEffect(HANGING)
    task = asyncio.create_task(effect.worker.run())
    await effect.clock.advance(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert effect.ending["reason"] == "runtime_closed"
