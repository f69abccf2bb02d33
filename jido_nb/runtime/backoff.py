"""Decide what follows a failed attempt: a wait of how long, or the end.

Rule 1: only a retryable error is retried, and only while attempts are left.
Rule 2: the backoff doubles with each failure up to `max_backoff_ms`; jitter adds at most `policy.jitter` of it.
Rule 3: a server's `Retry-After` is a lower bound of the wait; one above `retry_after_cap_ms` ends the effect instead.
Rule 4: a wait that would reach the effect's deadline ends the effect at once, since no attempt could follow it.
Nothing here reads a clock or a random source: both come in as numbers.
"""

from dataclasses import dataclass
from typing import Literal

from ..core.policy import EffectPolicy
from ..llm.error import LLMError

Obstacle = Literal["not_retryable", "attempts", "retry_after", "deadline"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait `wait_ms`, then try again. `backoff_ms` is what the formula gives before jitter and `Retry-After`."""

    backoff_ms: int
    wait_ms: int
    retry_after_ms: int | None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again; `which` rule forbids it. The other fields are the wait that would have been."""

    which: Obstacle
    backoff_ms: int
    wait_ms: int
    retry_after_ms: int | None


def next_wait(
    policy: EffectPolicy, error: LLMError, attempt: int, jitter: float, *, remaining_ms: float | None = None
) -> Wait | GiveUp:
    """What follows when attempt `attempt` (from 1) failed with `error`.

    Args:
        jitter: A number in [0, 1), drawn by the caller.
        remaining_ms: Milliseconds left until the effect's deadline; None: there is none.
    """
    backoff_ms = min(policy.backoff_ms * 2 ** (attempt - 1), policy.max_backoff_ms)
    retry_after_ms = error.retry_after_ms
    wait_ms = max(backoff_ms + int(jitter * policy.jitter * backoff_ms), retry_after_ms or 0)
    which: Obstacle | None = None
    if not error.retryable:
        which = "not_retryable"
    elif attempt >= policy.max_attempts:
        which = "attempts"
    elif retry_after_ms is not None and retry_after_ms > policy.retry_after_cap_ms:
        which = "retry_after"
    elif remaining_ms is not None and wait_ms >= remaining_ms:
        which = "deadline"
    if which is not None:
        return GiveUp(which, backoff_ms, wait_ms, retry_after_ms)
    return Wait(backoff_ms, wait_ms, retry_after_ms)
