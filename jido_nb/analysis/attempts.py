"""Effects and their attempts, as facts: what `folding` makes of the lifecycle signals of a log.

An attempt is one request on the wire. Usage and cost belong to the attempt that caused them; the effect's are sums over
what is known. Wasted is what was spent on attempts that failed, tried again or not; a cancel wastes nothing, because
its text is kept.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .gaps import quantile_of, sorted_gaps
from .values import as_int
from .waits import waited_ms

USAGE_KEYS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

Outcome = Literal["running", "completed", "failed", "canceled", "retried"]


@dataclass(eq=False)
class Attempt:
    """One try of one effect. Times are microseconds UTC since 1970; None is unknown, or not yet."""

    effect: "Effect"
    number: int
    seq: int
    """Of the signal that began it."""
    type: str
    started_us: int
    begun: bool = True
    """Whether the log holds its beginning; what is left of one that began before the log did has none."""
    outcome: Outcome = "running"
    ended_us: int | None = None
    last_us: int = 0
    """When it was last heard of; a crash leaves attempts without an end."""
    duration_ms: float | None = None
    first_chunk_ms: float | None = None
    characters: int = 0
    thinking_characters: int = 0
    at_ms: "array[float]" = field(default_factory=lambda: array("d"))
    """Arrivals of its chunks, in milliseconds since it began."""
    error_category: str | None = None
    retryable: bool | None = None
    reason: str | None = None
    http_status: int | None = None
    timeout: str | None = None
    """Which limit it ran into: attempt, first_chunk, idle or deadline."""
    discarded: bool = False
    """It had streamed text that a retry made void."""
    recovered: bool = False
    backoff_ms: float | None = None
    wait_ms: float | None = None
    """What was decided."""
    waited_ms: float | None = None
    """From its end to the next attempt's beginning, or to the effect's end in the wait; None: neither came."""
    retry_after_ms: float | None = None
    usage: Mapping[str, Any] | None = None
    cost: float | None = None
    price_table: str | None = None
    request_id: str | None = None
    provider_request_id: str | None = None

    @cached_property
    def gaps(self) -> list[float]:
        """Times between its chunks, ms, the shortest first. Ask when it has ended."""
        return sorted_gaps(self.at_ms)

    def gap_ms(self, quantile: float) -> float | None:
        """A quantile of the times between its chunks; None with fewer than two chunks."""
        return quantile_of(self.gaps, quantile)

    def tokens(self, key: str) -> int | None:
        """One kind of tokens, None where that is not known."""
        return None if self.usage is None else as_int(self.usage.get(key))

    @property
    def usage_estimated(self) -> bool | None:
        """Whether its usage is a guess from what had arrived; None where no usage is known."""
        return None if self.usage is None else self.usage.get("estimated") is True

    @property
    def retry_after_honoured(self) -> bool | None:
        """Whether the next attempt waited as long as the server had asked; None: it had not, or none followed."""
        if self.retry_after_ms is None or self.wait_ms is None or self.effect.attempts[-1] is self:
            return None
        return self.wait_ms >= self.retry_after_ms

    @property
    def wasted(self) -> bool:
        """Whether it gave nothing that was kept."""
        return self.outcome in ("retried", "failed")

    @property
    def wasted_tokens(self) -> int | None:
        """Input and output together; 0 where nothing was wasted, None where that is not known."""
        if not self.wasted:
            return 0
        known = [count for key in ("input_tokens", "output_tokens") if (count := self.tokens(key)) is not None]
        return sum(known) if known else None


@dataclass(slots=True, eq=False)
class Effect:
    """One piece of work and all its attempts."""

    conversation_id: str
    effect_id: str
    seq: int
    """Of its first signal."""
    type: str = ""
    """Of its first signal."""
    began_us: int | None = None
    """Time of its first signal; None where the log begins after the effect did."""
    turn: int | None = None
    """Number of the message that it answers, in its conversation, from 1; None for what answers none."""
    started_us: int | None = None
    """None: it was canceled, or found by recovery, before it began."""
    cause_id: str | None = None
    effect_class: str | None = None
    kind: str | None = None
    backend: str | None = None
    provider: str | None = None
    asked_model: str | None = None
    model: str | None = None
    """As served once that is known, until then as asked."""
    stream: bool | None = None
    max_attempts: int | None = None
    timeout_ms: float | None = None
    status: Outcome = "running"
    ended_us: int | None = None
    finish_reason: str | None = None
    reason: str | None = None
    error_category: str | None = None
    retryable: bool | None = None
    http_status: int | None = None
    recovered: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def duration_ms(self) -> float | None:
        """From start to end, waits included; None while it runs and where a crash hid the end."""
        if self.started_us is None or self.ended_us is None or self.recovered:
            return None
        return (self.ended_us - self.started_us) / 1000

    @property
    def wait_ms(self) -> float:
        """Between its attempts, together; a wait that was cut short by a cancel counts as long as it lasted."""
        last = self.attempts[-1] if self.attempts else None
        cut_from_us = last.ended_us if last is not None and last.outcome == "retried" else None
        return waited_ms([attempt.wait_ms or 0.0 for attempt in self.attempts], cut_from_us, self.ended_us)

    def tokens(self, key: str) -> int | None:
        """Sum of one kind of tokens over the attempts that report it; None when none does."""
        known = [count for attempt in self.attempts if (count := attempt.tokens(key)) is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> float | None:
        """US dollars over the attempts that have a price; None when none has."""
        known = [attempt.cost for attempt in self.attempts if attempt.cost is not None]
        return sum(known) if known else None
