"""One turn as a person sees it: the signals of one effect, folded in the order of the journal.

Rule 1: only the last attempt counts. A retry voids what the attempt before it streamed; the log keeps it.
Rule 2: the terminal signal has the last word. `result.text` (or `partial_text`) replaces what the deltas added up to,
        and whatever comes after a terminal signal changes nothing.
Rule 3: signals of other effects, `conv.out.*` and markers change nothing, so a whole journal may be poured in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ..signal import Signal, values_of
from .retry import Retry, retry_of
from .run import Run
from .tool_use import ToolUses, with_ending, with_report, with_requests

Status = Literal["queued", "running", "completed", "failed", "canceled"]
EventKind = Literal["started", "delta", "thinking", "tool", "retrying", "completed", "failed", "canceled"]

MESSAGE = "conv.in.message.received"
EFFECT = "conv.effect."
LLM_EFFECT_ID = "llm-generation-"

_NOTHING: Mapping[str, Any] = {}
_ENDED = frozenset({"completed", "failed", "canceled"})


class TurnEvent(msgspec.Struct, frozen=True, gc=False):
    """One change of a turn.

    `text` is the new piece for `delta` and `thinking`, the whole (or partial) answer for the terminal kinds, else "".
    `started` comes once per attempt. `data` is the payload of the signal that made the change.
    """

    kind: EventKind
    text: str = ""
    attempt: int = 1
    data: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"TurnEvent(kind={self.kind!r}, text={self.text!r}, attempt={self.attempt!r})"


@dataclass(eq=False, repr=False)
class TurnView:
    """The state of one turn. Times are microseconds UTC since 1970; what is not known (yet) is None.

    `effect_id` is the effect to follow; None follows the first effect, or message, that is applied.
    One thread applies; any thread may read.
    """

    effect_id: str | None = None
    conversation_id: str | None = None
    prompt: str = ""
    status: Status = "queued"
    effect_class: str | None = None
    tools: ToolUses = ()
    attempt: int = 1
    max_attempts: int | None = None
    timeout_ms: int | None = None
    backend: str | None = None
    provider: str | None = None
    asked_model: str | None = None
    model: str | None = None
    """As served once that is known, until then as asked."""
    stream: bool | None = None
    queued_us: int | None = None
    started_us: int | None = None
    attempt_started_us: int | None = None
    first_chunk_us: int | None = None
    """Arrival of the last attempt's first piece of text or thinking."""
    ended_us: int | None = None
    duration_ms: float | None = None
    usage: Mapping[str, Any] | None = None
    cost: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    result: Mapping[str, Any] | None = None
    """Payload `result` of a completed turn."""
    error: Mapping[str, Any] | None = None
    """`reason`, `error_category`, `retryable` and `details` of a failed turn."""
    cancel: Mapping[str, Any] | None = None
    """Payload of the `canceled` signal: who, why, what the backend did, how long it took."""
    reason: str | None = None
    """Why it failed or was canceled, in words."""
    retry: Retry | None = None
    """Set while the effect waits for its next attempt, or an agent repeats a request by itself."""
    retries: tuple[Retry, ...] = ()
    events: int = 0
    """Signals that were applied."""
    run: Run = field(default_factory=Run, init=False)
    """Text and thinking; its number grows when they start over, so that a reader who follows along knows."""

    @property
    def text(self) -> str:
        """The answer so far, of the last attempt."""
        return str(self.run.text)

    @property
    def thinking(self) -> str:
        return str(self.run.thinking)

    @property
    def done(self) -> bool:
        return self.status in _ENDED

    @property
    def first_chunk_ms(self) -> float | None:
        """From the start of the turn to the first piece that counts, waits and failed attempts included."""
        if self.first_chunk_us is None or self.started_us is None:
            return None
        return (self.first_chunk_us - self.started_us) / 1000

    def elapsed_ms(self, now_us: int) -> float:
        """From the start of the turn to its end, or to `now_us` while it runs; 0 while it is queued."""
        if self.started_us is None:
            return 0.0
        return max(0, (self.ended_us or now_us) - self.started_us) / 1000

    def __repr__(self) -> str:
        return f"TurnView({self.effect_id!r}, {self.status}, attempt {self.attempt}, {len(self.text)} characters)"

    def apply(self, signal: Signal) -> list[TurnEvent]:
        """Take one signal in and say what changed; a signal of another turn changes nothing and gives []."""
        if signal.type.startswith(EFFECT):
            return self._apply_effect(signal)
        if signal.type == MESSAGE:
            self._apply_message(signal)
        return []

    def _apply_message(self, signal: Signal) -> None:
        effect_id = LLM_EFFECT_ID + signal.id
        if self.effect_id is None:
            self.effect_id = effect_id
        elif self.effect_id != effect_id:
            return
        if self.conversation_id not in (None, signal.subject):
            return
        self.conversation_id = signal.subject
        content = signal.data.get("content")
        self.prompt = content if isinstance(content, str) else self.prompt
        self.queued_us = signal.time_us
        self.events += 1

    def _apply_effect(self, signal: Signal) -> list[TurnEvent]:
        data = values_of(signal.data)
        effect_id = data.get("effect_id")
        if self.effect_id is None:
            self.effect_id = effect_id
        # The same effect id in two conversations is two effects.
        if effect_id != self.effect_id or self.conversation_id not in (None, signal.subject) or self.done:
            return []
        self.conversation_id = signal.subject
        self.events += 1
        self._learn(data)
        match data.get("lifecycle"):
            case "started":
                return self._started(signal, data)
            case "progress":
                return self._progress(signal, data)
            case "completed" | "failed" | "canceled" as ending:
                return self._ended(signal, data, ending)
        return []

    def _learn(self, data: Mapping[str, Any]) -> None:
        self.effect_class = data.get("effect_class", self.effect_class)
        self.backend = data.get("backend") or self.backend
        self.provider = data.get("provider") or self.provider
        if model := data.get("model"):
            self.asked_model = self.asked_model or model
            self.model = model
        stream = data.get("stream")
        self.stream = self.stream if stream is None else bool(stream)
        self.request_id = data.get("request_id") or self.request_id

    def _started(self, signal: Signal, data: Mapping[str, Any]) -> list[TurnEvent]:
        self.status = "running"
        self.started_us = self.started_us or signal.time_us
        self.max_attempts = data.get("max_attempts", self.max_attempts)
        self.timeout_ms = data.get("timeout_ms", self.timeout_ms)
        return self._begin_attempt(signal, data)

    def _begin_attempt(self, signal: Signal, data: Mapping[str, Any]) -> list[TurnEvent]:
        self.attempt = int(data.get("attempt") or self.attempt)
        self.attempt_started_us = signal.time_us
        self.retry = None
        self._void()
        return [TurnEvent("started", "", self.attempt, data)]

    def _void(self) -> None:
        self.run = self.run.replaced("", "")
        self.tools = ()
        self.first_chunk_us = None

    def _progress(self, signal: Signal, data: Mapping[str, Any]) -> list[TurnEvent]:
        attempt = int(data.get("attempt") or self.attempt)
        if attempt < self.attempt:
            return []
        status = data.get("status")
        if status == "retry_attempt_started":
            return self._begin_attempt(signal, data)
        if status == "retrying":
            return self._retrying(signal, data, attempt)
        if status == "agent_retrying":
            return self._agent_retrying(signal, data, attempt)
        self.retry = None
        if status == "retracted":
            self._retract(data)
        events: list[TurnEvent] = []
        if attempt > self.attempt:
            events += self._begin_attempt(signal, data)
        if thinking := data.get("thinking_delta"):
            self._first_chunk(signal, data.get("thinking_chunks"))
            self.run.thinking.append(thinking)
            events.append(TurnEvent("thinking", thinking, attempt, data))
        if delta := data.get("token_delta"):
            self._first_chunk(signal, data.get("chunks"))
            self.run.text.append(delta)
            events.append(TurnEvent("delta", delta, attempt, data))
        if data.get("tool_name") or data.get("tool_call_id"):
            self.tools = with_report(self.tools, data)
            events.append(TurnEvent("tool", "", attempt, data))
        return events

    def _first_chunk(self, signal: Signal, chunks: Sequence[Sequence[float]] | None) -> None:
        if self.first_chunk_us is not None:
            return
        # Deltas are joined at the source, so the signal's own time is that of the last chunk, not of the first.
        if chunks and self.attempt_started_us is not None:
            self.first_chunk_us = self.attempt_started_us + round(chunks[0][0] * 1000)
        else:
            self.first_chunk_us = signal.time_us

    def _retrying(self, signal: Signal, data: Mapping[str, Any], attempt: int) -> list[TurnEvent]:
        self.retry = retry_of(signal, data, attempt)
        self.retries = (*self.retries, self.retry)
        self._void()
        return [TurnEvent("retrying", "", attempt, data)]

    def _agent_retrying(self, signal: Signal, data: Mapping[str, Any], attempt: int) -> list[TurnEvent]:
        """The agent repeats a request by itself: the attempt goes on, and its text stands until it is taken back."""
        self.retry = retry_of(signal, data, int(data.get("agent_attempt") or 1))
        return [TurnEvent("retrying", "", attempt, data)]

    def _retract(self, data: Mapping[str, Any]) -> None:
        kept, kept_thinking = int(data.get("kept_chars") or 0), int(data.get("kept_thinking_chars") or 0)
        self.run = self.run.replaced(self.text[:kept], self.thinking[:kept_thinking])

    def _ended(self, signal: Signal, data: Mapping[str, Any], ending: Status) -> list[TurnEvent]:
        result: Mapping[str, Any] = data.get("result") or _NOTHING
        self.attempt = int(data.get("attempt") or self.attempt)
        self.started_us = self.started_us or signal.time_us
        self.ended_us = signal.time_us
        self.duration_ms = data.get("duration_ms")
        self.retry = None
        self.usage = data.get("usage") or result.get("usage")
        self.cost = data.get("cost") or result.get("cost")
        text = result.get("text") if ending == "completed" else data.get("partial_text")
        thinking = result.get("thinking") or self.thinking
        self.run = self.run.replaced(text if isinstance(text, str) else self.text, str(thinking))
        if ending == "completed":
            self._completed(result)
        else:
            self.reason = str(data.get("reason") or "") or None
            self.tools = with_ending(self.tools, ending)
        if ending == "failed":
            self.error = {key: data.get(key) for key in ("reason", "error_category", "retryable", "details")}
        elif ending == "canceled":
            self.cancel = data
        # Last, so that a reader on another thread who sees the end sees everything that came with it.
        self.status = ending
        kind: EventKind = "completed" if ending == "completed" else "failed" if ending == "failed" else "canceled"
        return [TurnEvent(kind, self.text, self.attempt, data)]

    def _completed(self, result: Mapping[str, Any]) -> None:
        self.result = result
        self.backend = result.get("backend") or self.backend
        self.provider = result.get("provider") or self.provider
        self.model = result.get("model") or self.model
        self.finish_reason = result.get("finish_reason")
        self.tools = with_requests(self.tools, result.get("tool_calls") or ())
