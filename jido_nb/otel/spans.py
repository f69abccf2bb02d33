"""Spans with the times of the log: a turn, its attempts, and the tools that were run in them.

Rule 1: one span per effect, a child of it per attempt, a child of that per tool call that ran; a wait between two
        attempts is an event of the effect's span.
Rule 2: parents are handed on by name. Nothing is ever made the current span, so no task sees another's.
Rule 3: a cancel is not an error; a failed attempt is one, also where the effect went on and succeeded.
Rule 4: within an effect time never goes back, as the clock of the log may have: what ends before it began is refused by
        those who collect spans. It stands still until the log has caught up.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from ..core.signal import Signal, values_of
from .facts import Facts, ending_facts, outcome_facts, request_facts

NANO = 1_000
"""Nanoseconds in a microsecond: the log counts the one, OpenTelemetry the other."""

ENDED_TOOLS = frozenset({"completed", "failed", "denied"})


class EffectSpans:
    """The spans of one effect, from its first signal to its last."""

    def __init__(self, tracer: Tracer, names: Mapping[str, str], title: str, facts: Facts, at_us: int) -> None:
        self._tracer = tracer
        self._names = names
        self._title = title
        self._attempts = 0
        self._last_us = at_us
        self._tools: dict[str, Span] = {}
        self._attempt: Span | None = None
        self._facts = facts
        self._span: Span | None = None

    def begin(self, parent: Context | None, at_us: int) -> None:
        """Open the span of the whole; `parent` is the context of whoever asked."""
        self._span = self._tracer.start_span(
            self._title, context=parent, attributes=self._named(self._facts), start_time=at_us * NANO
        )

    def begin_attempt(self, signal: Signal) -> None:
        """One request begins with `signal`."""
        self._attempts += 1
        facts = request_facts(signal)
        self._attempt = self._child(
            self._span, f"{facts['operation']} {_subject(facts)}", SpanKind.CLIENT, facts, signal
        )

    def note(self, signal: Signal) -> None:
        """Something came in; a tool may have begun or ended."""
        self._now(signal)
        data = values_of(signal.data)
        if data.get("status") == "tool":
            self._tool(signal, data)

    def end_attempt(self, signal: Signal) -> None:
        """The request is over; `signal` says how, and whether there will be another."""
        attempt, self._attempt = self._attempt, None
        facts = ending_facts(signal)
        for span in self._tools.values():
            span.end(self._end_us(signal, facts) * NANO)
        self._tools.clear()
        if attempt is not None:
            self._close(attempt, facts, values_of(signal.data).get("reason"), self._end_us(signal, facts))
        if facts["status"] == "retried" and self._span is not None:
            wait = values_of(signal.data).get("wait_ms")
            told = {"error": facts["error"], **({"wait_ms": wait} if isinstance(wait, int | float) else {})}
            self._span.add_event("jido_nb.retry", self._named(told), self._now(signal) * NANO)

    def end(self, signal: Signal) -> None:
        """The effect is over."""
        if self._attempt is not None:
            self.end_attempt(signal)
        if self._span is not None:
            facts = outcome_facts(signal) | {"attempts": self._attempts}
            self._close(self._span, facts, values_of(signal.data).get("reason"), self._end_us(signal, facts))

    def abandon(self) -> None:
        """Nothing more is known: end what is open where it was last heard of."""
        for span in (*self._tools.values(), self._attempt, self._span):
            if span is not None:
                span.end(self._last_us * NANO)

    def _tool(self, signal: Signal, data: Mapping[str, Any]) -> None:
        id, name, status = (str(data.get(f"tool_{key}") or "") for key in ("call_id", "name", "status"))
        # A call that waits for somebody to run it has not begun.
        if status == "running" and id not in self._tools:
            facts = {"operation": "execute_tool", "tool": name, "tool_call": id, "tool_type": "function"}
            parent = self._attempt or self._span
            self._tools[id] = self._child(parent, f"execute_tool {name}", SpanKind.INTERNAL, facts, signal)
        elif status in ENDED_TOOLS and (span := self._tools.pop(id, None)) is not None:
            told = {"status": status} | ({} if status == "completed" else {"error": f"tool_{status}"})
            self._close(span, told, None, self._now(signal))

    def _child(self, parent: Span | None, name: str, kind: SpanKind, facts: Facts, signal: Signal) -> Span:
        # Without a span of the whole there is nothing to hang it on: an empty context, not the current one.
        context = Context() if parent is None else set_span_in_context(parent, Context())
        start = self._now(signal) * NANO
        return self._tracer.start_span(
            name, context=context, kind=kind, attributes=self._named(facts), start_time=start
        )

    def _close(self, span: Span, facts: Facts, reason: Any, end_us: int) -> None:
        span.set_attributes(self._named(facts))
        if "error" in facts:
            span.set_status(Status(StatusCode.ERROR, reason if isinstance(reason, str) else None))
        span.end(end_us * NANO)

    def _end_us(self, signal: Signal, facts: Facts) -> int:
        # What a crash cut off ended then, and not when somebody came back to say so.
        return self._last_us if facts.get("recovered") else self._now(signal)

    def _now(self, signal: Signal) -> int:
        self._last_us = max(self._last_us, signal.time_us)
        return self._last_us

    def _named(self, facts: Facts) -> dict[str, Any]:
        return {name: value for fact, value in facts.items() if (name := self._names.get(fact)) is not None}


def _subject(facts: Facts) -> str:
    return str(facts.get("agent") or facts.get("model") or "unknown")
