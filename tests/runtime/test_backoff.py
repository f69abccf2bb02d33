"""What follows a failed attempt, and when an attempt has taken too long: pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.policy import EffectPolicy
from jido_nb.llm.error import LLMError
from jido_nb.runtime.backoff import GiveUp, Wait, next_wait
from jido_nb.runtime.limits import Limits

POLICY = EffectPolicy(max_attempts=10, backoff_ms=100, max_backoff_ms=1000, jitter=0.5, retry_after_cap_ms=5000)
BUSY = LLMError("provider", "busy")


def busy_for(retry_after_ms):
    return LLMError.of("provider", "busy", retry_after_ms=retry_after_ms)


@pytest.mark.parametrize(("attempt", "backoff_ms"), [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (9, 1000)])
def test_the_backoff_doubles_up_to_its_cap(attempt, backoff_ms):
    assert next_wait(POLICY, BUSY, attempt, 0.0) == Wait(backoff_ms, backoff_ms, None)


@pytest.mark.parametrize(("jitter", "wait_ms"), [(0.0, 400), (0.5, 500), (0.999, 599)])
def test_jitter_adds_its_part_of_the_backoff(jitter, wait_ms):
    assert next_wait(POLICY, BUSY, 3, jitter) == Wait(400, wait_ms, None)


@pytest.mark.parametrize(
    ("retry_after_ms", "follows"),
    [
        (0, Wait(100, 100, 0)),
        (50, Wait(100, 100, 50)),
        (3000, Wait(100, 3000, 3000)),
        (5000, Wait(100, 5000, 5000)),
        (5001, GiveUp("retry_after", 100, 5001, 5001)),
    ],
)
def test_retry_after_is_a_lower_bound_of_the_wait_up_to_its_cap(retry_after_ms, follows):
    assert next_wait(POLICY, busy_for(retry_after_ms), 1, 0.0) == follows


@pytest.mark.parametrize(
    ("error", "attempt", "which"),
    [
        (LLMError("auth", "no key"), 1, "not_retryable"),
        (LLMError("provider", "bad request", retryable=False), 1, "not_retryable"),
        (BUSY, 10, "attempts"),
        (busy_for(9000), 10, "attempts"),
    ],
)
def test_what_cannot_be_tried_again_is_given_up(error, attempt, which):
    assert next_wait(POLICY, error, attempt, 0.0).which == which


@pytest.mark.parametrize(("remaining_ms", "waits"), [(None, True), (101, True), (100, False), (0, False), (-5, False)])
def test_a_wait_that_would_reach_the_deadline_is_given_up(remaining_ms, waits):
    verdict = next_wait(POLICY, BUSY, 1, 0.0, remaining_ms=remaining_ms)
    assert isinstance(verdict, Wait) if waits else verdict == GiveUp("deadline", 100, 100, None)


@given(st.integers(1, 19), st.floats(0, 1, exclude_max=True), st.none() | st.integers(0, 10_000_000))
def test_a_wait_is_never_shorter_than_asked_and_never_longer_than_the_caps(attempt, jitter, retry_after_ms):
    policy = EffectPolicy(max_attempts=20)
    verdict = next_wait(policy, LLMError.of("provider", "busy", retry_after_ms=retry_after_ms), attempt, jitter)
    if isinstance(verdict, Wait):
        assert verdict.wait_ms >= max(verdict.backoff_ms, retry_after_ms or 0)
        assert verdict.wait_ms <= max(policy.max_backoff_ms * (1 + policy.jitter), policy.retry_after_cap_ms)


@pytest.mark.parametrize(
    ("limits", "now_ms", "last_chunk_ms", "seen"),
    [
        (Limits(), 1e9, None, (None, None)),
        (Limits(attempt_ms=100), 99, None, (None, 100)),
        (Limits(attempt_ms=100), 100, 99, ("attempt", 100)),
        (Limits(first_chunk_ms=50), 50, None, ("first_chunk", 50)),
        (Limits(first_chunk_ms=50), 500, 49, (None, None)),
        # Silence counts from the first chunk; until then it cannot end sooner than idle_ms from now.
        (Limits(idle_ms=20), 10, None, (None, 30)),
        (Limits(idle_ms=20, first_chunk_ms=25), 10, None, (None, 25)),
        (Limits(idle_ms=20), 40, 30, (None, 50)),
        (Limits(idle_ms=20), 50, 30, ("idle", 50)),
        (Limits(deadline_ms=10, attempt_ms=10), 10, None, ("deadline", 10)),
        (Limits(deadline_ms=-5, attempt_ms=10), 0, None, ("deadline", -5)),
    ],
)
def test_the_limit_that_passes_first_ends_the_attempt(limits, now_ms, last_chunk_ms, seen):
    assert limits.look(now_ms, last_chunk_ms) == seen


@pytest.mark.parametrize(
    ("which", "retryable"), [("attempt", True), ("first_chunk", True), ("idle", True), ("deadline", False)]
)
def test_a_timeout_says_which_and_only_the_deadline_is_final(which, retryable):
    error = Limits(100, 100, 100, 100).error(which)
    assert (error.category, error.retryable, error.details) == (
        "timeout", retryable, {"which": which, "limit_ms": 100},
    )  # fmt: skip
