"""Effects and their attempts, folded from the lifecycle signals of a log.

Rule 1: an attempt begins with `started` or `retry_attempt_started` and ends with `retrying` or with the effect's end,
        so one row is one request on the wire. An effect that was canceled before it began has no attempt.
Rule 2: an effect that ends while it waits for its next attempt leaves the last attempt as it was: `retried`.
Rule 3: usage and cost belong to the attempt that caused them; the effect's are sums over what is known.
Rule 4: the same effect id in two conversations is two effects; what follows an ending changes nothing.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.catalogue import TERMINAL_LIFECYCLES
from ..core.signal import Recorded, Signal
from .chunks import arrivals_of
from .values import as_bool, as_float, as_int, as_mapping, as_text

USAGE_KEYS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

EFFECT_TYPES = "conv.effect.**"

Outcome = Literal["running", "completed", "failed", "canceled", "retried"]


@dataclass(slots=True, eq=False)
class Attempt:
    """One try of one effect. Times are microseconds UTC since 1970; None is unknown, or not yet."""

    effect: "Effect"
    number: int
    seq: int
    """Of the signal that began it."""
    started_us: int
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
    retry_after_ms: float | None = None
    usage: Mapping[str, Any] | None = None
    cost: float | None = None
    price_table: str | None = None
    request_id: str | None = None
    provider_request_id: str | None = None

    @property
    def usage_estimated(self) -> bool | None:
        """Whether its usage is a guess from what had arrived; None where no usage is known."""
        return None if self.usage is None else self.usage.get("estimated") is True


@dataclass(slots=True, eq=False)
class Effect:
    """One piece of work and all its attempts."""

    conversation_id: str
    effect_id: str
    seq: int
    """Of its first signal."""
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
        total = sum(attempt.wait_ms or 0.0 for attempt in self.attempts)
        last = self.attempts[-1] if self.attempts else None
        if last is not None and last.outcome == "retried" and last.ended_us is not None and self.ended_us is not None:
            total += min(0.0, (self.ended_us - last.ended_us) / 1000 - (last.wait_ms or 0.0))
        return total

    def tokens(self, key: str) -> int | None:
        """Sum of one kind of tokens over the attempts that report it; None when none does."""
        known = [count for attempt in self.attempts if (count := as_int((attempt.usage or {}).get(key))) is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> float | None:
        """US dollars over the attempts that have a price; None when none has."""
        known = [attempt.cost for attempt in self.attempts if attempt.cost is not None]
        return sum(known) if known else None


def fold_effects(log: Iterable[Recorded]) -> Iterator[Effect]:
    """Each effect as soon as it has ended, then those that still run. Only open effects are kept in memory.

    Signals that belong to no effect are passed over.
    """
    running: dict[tuple[str, str], Effect] = {}
    ended: set[tuple[str, str]] = set()
    for seq, signal in log:
        if not signal.type.startswith("conv.effect."):
            continue
        key = (signal.subject, str(signal.data.get("effect_id")))
        if key in ended:
            continue
        effect = running.get(key)
        if effect is None:
            effect = running[key] = Effect(*key, seq=seq, cause_id=signal.cause_id)
        apply(effect, seq, signal)
        if effect.status != "running":
            ended.add(key)
            del running[key]
            yield effect
    yield from running.values()


def apply(effect: Effect, seq: int, signal: Signal) -> None:
    """Take one lifecycle signal of `effect` in."""
    data = signal.data
    lifecycle = data.get("lifecycle")
    # Progress is most of a log and says nothing of this that its effect's start has not said.
    if lifecycle != "progress" or not effect.attempts:
        _learn(effect, data)
    if lifecycle == "started":
        effect.started_us = signal.time_us
        effect.max_attempts = as_int(data.get("max_attempts"))
        effect.timeout_ms = as_float(data.get("timeout_ms"))
        _begin(effect, seq, signal)
    elif lifecycle == "progress":
        _progress(effect, seq, signal)
    elif lifecycle in TERMINAL_LIFECYCLES:
        _end(effect, signal, lifecycle)


def _learn(effect: Effect, data: Mapping[str, Any]) -> None:
    effect.effect_class = effect.effect_class or as_text(data.get("effect_class"))
    effect.kind = effect.kind or as_text(data.get("kind"))
    effect.backend = as_text(data.get("backend")) or effect.backend
    effect.provider = as_text(data.get("provider")) or effect.provider
    if effect.stream is None:
        effect.stream = as_bool(data.get("stream"))
    if model := as_text(data.get("model")):
        effect.asked_model = effect.asked_model or model
        effect.model = model


def _begin(effect: Effect, seq: int, signal: Signal) -> Attempt:
    number = as_int(signal.data.get("attempt")) or len(effect.attempts) + 1
    attempt = Attempt(effect, number, seq, signal.time_us, last_us=signal.time_us)
    attempt.request_id = as_text(signal.data.get("request_id"))
    effect.attempts.append(attempt)
    return attempt


def _progress(effect: Effect, seq: int, signal: Signal) -> None:
    data = signal.data
    status = data.get("status")
    if status == "retry_attempt_started":
        _begin(effect, seq, signal)
        return
    attempt = effect.attempts[-1] if effect.attempts else None
    if attempt is None:
        # A log that starts in the middle: what came before is not known, what follows still counts.
        attempt = _begin(effect, seq, signal)
    attempt.last_us = signal.time_us
    if status == "retrying":
        _close(attempt, signal, "retried")
        attempt.discarded = bool(data.get("discarded"))
        attempt.backoff_ms = as_float(data.get("backoff_ms"))
        wait_ms = as_float(data.get("wait_ms"))
        attempt.wait_ms = attempt.backoff_ms if wait_ms is None else wait_ms
        attempt.retry_after_ms = as_float(data.get("retry_after_ms"))
        return
    for at_ms, kind, chars in arrivals_of(data, (signal.time_us - attempt.started_us) / 1000):
        attempt.at_ms.append(at_ms)
        if kind == "text":
            attempt.characters += chars
        else:
            attempt.thinking_characters += chars


def _end(effect: Effect, signal: Signal, lifecycle: Outcome) -> None:
    data = signal.data
    result = as_mapping(data.get("result"))
    details = as_mapping(data.get("details"))
    _learn(effect, result)
    effect.status = lifecycle
    effect.ended_us = signal.time_us
    effect.recovered = details.get("recovered") is True
    effect.finish_reason = as_text(result.get("finish_reason"))
    effect.reason = as_text(data.get("reason"))
    effect.error_category = as_text(data.get("error_category"))
    effect.retryable = as_bool(data.get("retryable"))
    effect.http_status = as_int(details.get("status"))
    attempt = effect.attempts[-1] if effect.attempts else None
    if attempt is not None and attempt.outcome == "running":
        attempt.recovered = effect.recovered
        _close(attempt, signal, lifecycle)


def _close(attempt: Attempt, signal: Signal, outcome: Outcome) -> None:
    data = signal.data
    result = as_mapping(data.get("result"))
    details = as_mapping(data.get("details"))
    attempt.outcome = outcome
    if not attempt.recovered:
        attempt.ended_us = attempt.last_us = signal.time_us
        duration_ms = as_float(data.get("duration_ms"))
        attempt.duration_ms = (signal.time_us - attempt.started_us) / 1000 if duration_ms is None else duration_ms
    first_chunk_ms = as_float(data.get("first_chunk_ms"))
    attempt.first_chunk_ms = attempt.at_ms[0] if first_chunk_ms is None and attempt.at_ms else first_chunk_ms
    attempt.error_category = as_text(data.get("error_category"))
    attempt.retryable = as_bool(data.get("retryable"))
    attempt.reason = as_text(data.get("reason"))
    attempt.http_status = as_int(details.get("status"))
    attempt.timeout = as_text(details.get("which"))
    usage = data.get("usage") or result.get("usage")
    attempt.usage = usage if isinstance(usage, Mapping) else None
    cost = as_mapping(data.get("cost") or result.get("cost"))
    attempt.cost = as_float(cost.get("amount"))
    attempt.price_table = as_text(cost.get("price_table"))
    attempt.request_id = as_text(data.get("request_id")) or attempt.request_id
    attempt.provider_request_id = as_text(result.get("request_id") or details.get("request_id"))
    if not attempt.at_ms and isinstance(text := result.get("text"), str):
        attempt.characters = len(text)
        attempt.thinking_characters = len(as_text(result.get("thinking")) or "")
