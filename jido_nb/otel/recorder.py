"""Tells OpenTelemetry what a log says: fed with signals as they happen, or with those of a journal long after.

Both ways give the same spans with the same times, because all of it is in the signals. Memory is bounded: an effect is
forgotten with its end, and the oldest one without an end when there are too many.
"""

from typing import TypeVar

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..core.catalogue import LLM_EFFECT, MESSAGE_RECEIVED, TERMINAL_LIFECYCLES, lifecycle_of, stream_of
from ..core.reducer import effect_id_of
from ..core.signal import Recorded, Signal, values_of
from ..llm.settings import Conventions
from ..version import __version__
from .facts import Facts, effect_facts, ending_facts, request_facts
from .instruments import Instruments
from .names import attribute_names, metric_names
from .spans import EffectSpans

TYPES = (MESSAGE_RECEIVED, "conv.effect.**")
"""The signals that it needs to see."""

SCOPE = "jido_nb"
TRACE_CONTEXT = ("traceparent", "tracestate")
"""The extensions of a message that name the span it was sent in (W3C Trace Context, as in CloudEvents)."""

MAX_OPEN = 10_000

_Key = tuple[str, str]
T = TypeVar("T")


class _Open:
    __slots__ = ("attempt_us", "request", "spans")

    def __init__(self, spans: EffectSpans) -> None:
        self.spans = spans
        self.request: Facts = {}
        self.attempt_us: int | None = None


class Recorder:
    """Turns lifecycle signals into spans and measurements. Feed it in the order of the journal."""

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        conventions: Conventions = "latest",
    ) -> None:
        """Args:
            tracer_provider: None: the one that is set for the process. Likewise `meter_provider`.
            conventions: Which generation of names to use; see `names.py`.

        Raises:
            ConfigError: no such conventions.
        """
        self._names = attribute_names(conventions)
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._instruments = Instruments(meter, metric_names(conventions), self._names)
        self._open: dict[_Key, _Open] = {}
        self._parents: dict[_Key, Context] = {}

    def apply(self, recorded: Recorded) -> None:
        """Take one signal in; one that says nothing about effects changes nothing."""
        signal = recorded.signal
        if signal.type == MESSAGE_RECEIVED:
            self._remember_parent(signal)
        elif stream_of(signal.type) == "effect":
            self._effect(signal)

    def close(self) -> None:
        """End the spans of what has not ended, where it was last heard of."""
        for effect in self._open.values():
            effect.spans.abandon()
        self._open.clear()

    def _remember_parent(self, signal: Signal) -> None:
        given = {key: value for key in TRACE_CONTEXT if isinstance(value := signal.extensions.get(key), str)}
        effect_id = effect_id_of(signal)
        if given and effect_id is not None:
            context = TraceContextTextMapPropagator().extract(given, Context())
            _keep(self._parents, (signal.subject, effect_id), context)

    def _effect(self, signal: Signal) -> None:
        prefix, lifecycle = lifecycle_of(signal.type)
        data = values_of(signal.data)
        key = (signal.subject, str(data.get("effect_id")))
        effect = self._open.get(key)
        if effect is None:
            effect = self._begun(key, signal, prefix)
        if lifecycle == "started" or data.get("status") == "retry_attempt_started":
            if prefix == LLM_EFFECT:
                effect.spans.begin_attempt(signal)
                effect.request, effect.attempt_us = request_facts(signal), signal.time_us
        elif lifecycle in TERMINAL_LIFECYCLES:
            self._measure(effect, signal)
            effect.spans.end(signal)
            del self._open[key]
        elif data.get("status") == "retrying":
            self._measure(effect, signal)
            effect.spans.end_attempt(signal)
        else:
            effect.spans.note(signal)

    def _begun(self, key: _Key, signal: Signal, prefix: str) -> _Open:
        spans = EffectSpans(self._tracer, self._names, _title(signal, prefix), effect_facts(signal), signal.time_us)
        # Without a sender's span this is the root of a trace of its own, wherever the caller may be.
        spans.begin(self._parents.pop(key, Context()), signal.time_us)
        effect = _Open(spans)
        if (dropped := _keep(self._open, key, effect)) is not None:
            dropped.spans.abandon()
        return effect

    def _measure(self, effect: _Open, signal: Signal) -> None:
        if effect.attempt_us is not None:
            facts = {**effect.request, **ending_facts(signal)}
            if not facts.get("recovered"):
                self._instruments.record(facts, max(0, signal.time_us - effect.attempt_us) / 1e6)
        effect.attempt_us = None


def _title(signal: Signal, prefix: str) -> str:
    if prefix == LLM_EFFECT:
        return "jido_nb.turn"
    tool = values_of(signal.data).get("tool_name")
    return f"execute_tool {tool}" if isinstance(tool, str) else f"jido_nb.{prefix.split('.')[2]}"


def _keep(table: dict[_Key, T], key: _Key, value: T) -> T | None:
    """Put a value in; gives back the oldest one where there are too many."""
    table[key] = value
    return table.pop(next(iter(table))) if len(table) > MAX_OPEN else None
