"""Decide when an attempt has taken too long.

Times are milliseconds since the attempt began. A watchdog sleeps until the earliest moment at which a limit *can* pass,
looks again, and re-arms; so a chunk costs nothing but the note of when it came.
"""

from dataclasses import dataclass
from typing import Final, Literal

from ..llm.error import LLMError

CANCEL_LIMIT_S: Final = 2.0
"""How long a backend that is told of a cancel may take to answer."""
LEAVE_LIMIT_S: Final = 5.0
"""How long an executor that was told to stop may take to close what it has opened."""

Which = Literal["attempt", "first_chunk", "idle", "deadline", "budget"]

_WORDS: dict[Which, str] = {
    "attempt": "the attempt took longer than",
    "first_chunk": "nothing arrived within",
    "idle": "the stream was silent for",
    "deadline": "the effect passed its deadline of",
    "budget": "the effect may not take longer than",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one attempt; None is no limit.

    `deadline_ms` and `budget_ms` are what was left of the effect's deadline and time budget when the attempt began.
    """

    attempt_ms: float | None = None
    first_chunk_ms: float | None = None
    idle_ms: float | None = None
    deadline_ms: float | None = None
    budget_ms: float | None = None

    def look(
        self, now_ms: float, last_chunk_ms: float | None, *, waiting: bool | None = None
    ) -> tuple[Which | None, float | None]:
        """The limit that has passed, if one has, and when to look next; (None, None): never.

        Args:
            last_chunk_ms: When the last chunk, or sign of life, came; None: none has come.
            waiting: Nothing but signs of life has come yet. None: as `last_chunk_ms` says.
        """
        ends: list[tuple[float, Which]] = []
        if self.deadline_ms is not None:
            ends.append((self.deadline_ms, "deadline"))
        if self.budget_ms is not None:
            ends.append((self.budget_ms, "budget"))
        if self.attempt_ms is not None:
            ends.append((self.attempt_ms, "attempt"))
        if (last_chunk_ms is None if waiting is None else waiting) and self.first_chunk_ms is not None:
            ends.append((self.first_chunk_ms, "first_chunk"))
        if last_chunk_ms is not None and self.idle_ms is not None:
            ends.append((last_chunk_ms + self.idle_ms, "idle"))
        next_ms, which = min(ends, key=lambda end: end[0], default=(None, None))
        if next_ms is not None and next_ms <= now_ms:
            return which, next_ms
        if last_chunk_ms is None and self.idle_ms is not None:
            # The first chunk may come at any moment, and silence counts from there.
            next_ms = min(now_ms + self.idle_ms, next_ms if next_ms is not None else now_ms + self.idle_ms)
        return None, next_ms

    def error(self, which: Which, whole_deadline_ms: float | None = None) -> LLMError:
        """The failure of an attempt that passed `which`. A passed deadline is not retried: no time is left."""
        limit = {
            "attempt": self.attempt_ms,
            "first_chunk": self.first_chunk_ms,
            "idle": self.idle_ms,
            "deadline": whole_deadline_ms if whole_deadline_ms is not None else self.deadline_ms,
            "budget": self.budget_ms,
        }[which]
        return LLMError.of(
            "timeout", f"{_WORDS[which]} {limit:g} ms", retryable=which != "deadline", which=which, limit_ms=limit
        )
