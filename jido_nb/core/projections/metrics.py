"""The numbers of a log, folded from its signals: live and afterwards the same.

Rule 1: every lifecycle signal of a generation counts once, under the backend it names, or that its effect named before.
Rule 2: chunks count as the backend sent them, tokens and cost for every attempt that told them.
Rule 3: memory is bounded: durations go into histograms, an effect is forgotten with its end, and labels that come from
        outside share one row, `other`, once there are too many.
"""

from collections.abc import Mapping
from typing import Any

from ..catalogue import LLM_EFFECT, TERMINAL_LIFECYCLES, lifecycle_of, stream_of
from ..signal import Signal, values_of
from .histogram import Histogram
from .telemetry import TelemetrySnapshot

LIFECYCLES = ("started", "progress", "completed", "failed", "canceled")
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

MAX_OPEN = 10_000
"""Effects without an end that are remembered; the oldest is forgotten first, and its duration with it."""
MAX_LABELS = 64
UNKNOWN, OTHER = "unknown", "other"

_NANO = 1_000_000_000
_LARGEST = 1e15
_NOTHING: Mapping[str, Any] = {}


class _Open:
    """What must be remembered of an effect until it ends."""

    __slots__ = ("backend", "first_chunk_ms", "started_us")

    def __init__(self) -> None:
        self.backend = UNKNOWN
        self.started_us: int | None = None
        self.first_chunk_ms: float | None = None


class Metrics:
    """Feed it signals in the order of the journal; those that say nothing about effects change nothing."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], _Open] = {}
        self._lifecycles = dict.fromkeys(LIFECYCLES, 0)
        self._by_backend: dict[str, dict[str, int]] = {}
        self._retries = 0
        self._retry_categories: dict[str, int] = {}
        self._failure_categories: dict[str, int] = {}
        self._cancel_results: dict[str, int] = {}
        self._chunks = {"delta": 0, "thinking": 0}
        self._duration, self._first_token, self._cancel_latency = Histogram(), Histogram(), Histogram()
        self._tokens: dict[str, int | None] = dict.fromkeys(TOKENS)
        # Billionths in whole numbers, because a sum of floats depends on their order.
        self._cost: dict[str, int] = {}

    def apply(self, signal: Signal) -> None:
        """Take one signal in."""
        if stream_of(signal.type) != "effect":
            return
        prefix, lifecycle = lifecycle_of(signal.type)
        data = values_of(signal.data)
        retrying = lifecycle == "progress" and data.get("status") == "retrying"
        if retrying:
            self._retries += 1
        if prefix == LLM_EFFECT and lifecycle in self._lifecycles:
            self._generation(signal, lifecycle, data, retrying)

    def snapshot(self, **measured: Any) -> TelemetrySnapshot:
        """The numbers now; they stay as they are while this goes on.

        Args:
            measured: What is in no log: queue figures and the like, by the names of the snapshot's fields.
        """
        return TelemetrySnapshot(
            lifecycle_counts=dict(self._lifecycles),
            lifecycle_by_backend={name: dict(counts) for name, counts in self._by_backend.items()},
            retry_count=self._retries,
            retry_by_category=dict(self._retry_categories),
            failure_by_category=dict(self._failure_categories),
            cancel_results=dict(self._cancel_results),
            stream_chunks={**self._chunks, "total": sum(self._chunks.values())},
            stream_duration_ms=self._duration.summary(),
            time_to_first_token_ms=self._first_token.summary(),
            cancel_latency_ms=self._cancel_latency.summary(),
            tokens=dict(self._tokens),
            cost={currency: amount / _NANO for currency, amount in self._cost.items()},
            **measured,
        )

    def _generation(self, signal: Signal, lifecycle: str, data: Mapping[str, Any], retrying: bool) -> None:
        effect = self._effect(signal, data)
        backend = data.get("backend")
        if isinstance(backend, str) and backend:
            effect.backend = backend
        self._lifecycles[lifecycle] += 1
        counts = self._by_backend.get(label := _label(effect.backend, self._by_backend))
        if counts is None:
            counts = self._by_backend[label] = dict.fromkeys(LIFECYCLES, 0)
        counts[lifecycle] += 1
        if lifecycle == "started":
            effect.started_us = signal.time_us
        elif lifecycle in TERMINAL_LIFECYCLES:
            self._ended(signal, lifecycle, data, effect)
        elif retrying:
            _count(self._retry_categories, data.get("retry_category") or data.get("error_category"))
            self._consumed(data)
            effect.first_chunk_ms = None
        else:
            self._streamed(data, effect)

    def _effect(self, signal: Signal, data: Mapping[str, Any]) -> _Open:
        key = (signal.subject, str(data.get("effect_id")))
        effect = self._open.get(key)
        if effect is None:
            effect = self._open[key] = _Open()
            if len(self._open) > MAX_OPEN:
                del self._open[next(iter(self._open))]
        return effect

    def _streamed(self, data: Mapping[str, Any], effect: _Open) -> None:
        for kind, text, chunks in (
            ("delta", "token_delta", data.get("chunks")),
            ("thinking", "thinking_delta", data.get("thinking_chunks")),
        ):
            if not data.get(text):
                continue
            known = chunks if isinstance(chunks, (list, tuple)) and chunks else None
            self._chunks[kind] += len(known) if known else 1
            first = known[0] if known else None
            at_ms = _number(first[0]) if isinstance(first, (list, tuple)) and first else None
            if at_ms is not None and (effect.first_chunk_ms is None or at_ms < effect.first_chunk_ms):
                effect.first_chunk_ms = at_ms

    def _ended(self, signal: Signal, lifecycle: str, data: Mapping[str, Any], effect: _Open) -> None:
        self._open.pop((signal.subject, str(data.get("effect_id"))), None)
        if effect.started_us is not None:
            self._duration.add((signal.time_us - effect.started_us) / 1000)
        first_chunk_ms = _number(data.get("first_chunk_ms"))
        first_chunk_ms = effect.first_chunk_ms if first_chunk_ms is None else first_chunk_ms
        if first_chunk_ms is not None:
            self._first_token.add(first_chunk_ms)
        if lifecycle == "failed":
            _count(self._failure_categories, data.get("error_category") or UNKNOWN)
        elif lifecycle == "canceled":
            _count(self._cancel_results, data.get("backend_cancel"))
            latency_ms = _number(data.get("cancel_latency_ms"))
            if latency_ms is not None:
                self._cancel_latency.add(latency_ms)
        self._consumed(data)

    def _consumed(self, data: Mapping[str, Any]) -> None:
        result = data.get("result")
        result = result if isinstance(result, Mapping) else _NOTHING
        usage = data.get("usage") or result.get("usage")
        if isinstance(usage, Mapping):
            for key in TOKENS:
                count = usage.get(key)
                if type(count) is int:
                    self._tokens[key] = (self._tokens[key] or 0) + count
        cost = data.get("cost") or result.get("cost")
        if isinstance(cost, Mapping) and (amount := _number(cost.get("amount"))) is not None:
            currency = _label(str(cost.get("currency") or "USD"), self._cost)
            self._cost[currency] = self._cost.get(currency, 0) + round(amount * _NANO)


def _count(counts: dict[str, int], label: Any) -> None:
    if isinstance(label, str) and label.strip():
        label = _label(label, counts)
        counts[label] = counts.get(label, 0) + 1


def _label(label: str, known: Mapping[str, Any]) -> str:
    return label if label in known or len(known) < MAX_LABELS else OTHER


def _number(value: Any) -> float | None:
    """A number that can be counted with; payloads from outside may hold anything."""
    return float(value) if type(value) in (int, float) and abs(value) <= _LARGEST else None
