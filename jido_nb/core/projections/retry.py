"""A retry as a person sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..signal import Signal


@dataclass(frozen=True, slots=True)
class Retry:
    """Why attempt `attempt` ended, and the wait after it. `until_us`: when the next one is due, microseconds UTC."""

    attempt: int
    reason: str
    error_category: str
    wait_ms: float
    until_us: int
    discarded: bool


def retry_of(signal: Signal, data: Mapping[str, Any], attempt: int) -> Retry:
    wait_ms = float(data.get("wait_ms") or data.get("backoff_ms") or 0)
    return Retry(
        attempt=attempt,
        reason=str(data.get("reason") or ""),
        error_category=str(data.get("error_category") or "unknown"),
        wait_ms=wait_ms,
        until_us=signal.time_us + round(wait_ms * 1000),
        discarded=bool(data.get("discarded")),
    )
