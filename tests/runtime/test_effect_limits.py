"""Timeouts of an attempt and the deadline of an effect."""

import pytest

from jido_nb.llm.error import from_status
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, Started, Thinking, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

pytestmark = pytest.mark.anyio


TIMEOUTS = [
    ({"timeout_ms": 100}, [Started(), Delta("a"), Wait()], "attempt", 100),
    ({"timeout_ms": 100}, [Wait()], "attempt", 100),
    ({"timeout_ms": 100}, [step for _ in range(50) for step in (Delta("a"), Pause(10))], "attempt", 100),
    ({"first_chunk_timeout_ms": 50}, [Started(), Wait()], "first_chunk", 50),
    ({"idle_timeout_ms": 50}, [Delta("a"), Pause(40), Delta("b"), Wait()], "idle", 90),
    ({"idle_timeout_ms": 20, "first_chunk_timeout_ms": 100}, [Pause(70), Delta("a"), Wait()], "idle", 90),
    ({"idle_timeout_ms": 20}, [Pause(70), Thinking("a"), Wait()], "idle", 90),
    ({"deadline_ms": 80}, [Delta("a"), Wait()], "deadline", 80),
]


@pytest.mark.parametrize(("policy", "script", "which", "after_ms"), TIMEOUTS)
async def test_each_limit_ends_an_attempt_on_time_and_closes_the_connection(policy, script, which, after_ms):
    effect = ScriptedEffect(script, policy={"max_attempts": 1, **policy})
    await effect.run()
    assert effect.ending["error_category"] == "timeout"
    assert effect.ending["details"]["which"] == which
    assert effect.ending["retryable"] is (which != "deadline")
    assert effect.ending["duration_ms"] == pytest.approx(after_ms)
    assert effect.backend.cancels == []


async def test_chunks_that_keep_coming_hold_off_the_idle_limit():
    chunks = [step for _ in range(20) for step in (Pause(40), Delta("x"))]
    effect = ScriptedEffect(
        [Started(), *chunks, Complete()], policy={"idle_timeout_ms": 50, "first_chunk_timeout_ms": 50}
    )
    assert (await effect.run()).terminal.lifecycle == "completed"


async def test_limits_on_chunks_do_not_apply_where_none_are_expected():
    policy = {"idle_timeout_ms": 5, "first_chunk_timeout_ms": 5}
    effect = ScriptedEffect([Pause(100), Delta("x"), Complete()], policy=policy, stream=False)
    assert (await effect.run()).terminal.lifecycle == "completed"


async def test_a_timeout_is_retried():
    effect = ScriptedEffect(
        [Delta("slow"), Wait()], [Started(), Delta("quick"), Complete()], policy={"timeout_ms": 100}
    )
    outbox = await effect.run()
    assert outbox.story[-3:] == ["retry_attempt_started@2", "streaming@2", "completed@2"]
    retrying = next(put.data for put in outbox.puts if put.label == "retrying@1")
    assert (retrying["error_category"], retrying["details"]["which"], retrying["discarded"]) == (
        "timeout", "attempt", True,
    )  # fmt: skip


async def test_the_deadline_covers_all_attempts_and_waits():
    effect = ScriptedEffect(
        [Pause(40), Fail(from_status(503, "busy"))], policy={"deadline_ms": 100, "max_attempts": 9, "backoff_ms": 10}
    )
    outbox = await effect.run()
    # 40 + 10 + 40 leaves 10 ms, and the next wait would be 20.
    assert outbox.story[-1] == "failed@2"
    assert effect.ending["error_category"] == "provider"
    assert effect.ending["details"] == {"status": 503, "gave_up": "deadline", "which": "deadline", "wait_ms": 20}
