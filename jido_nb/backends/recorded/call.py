"""One recorded attempt: the events that arrived, when, and how it ended, read back from the signals that told of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.signal import Signal
from ...llm.error import LLMError
from ...llm.event import AgentRetry, LLMEvent, Retraction
from ...llm.result import LLMResult, ToolCall
from ...llm.usage import Usage

REPLAYED = "replayed"
"""True in the metadata of a result, and in the details of an error, that came from a recording."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody ended it."""

    reason: str
    requested_by: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    """The `backend_cancel*` keys of the canceled signal."""


@dataclass(slots=True)
class Call:
    """What one attempt gave. Times are milliseconds since it began."""

    events: list[tuple[float, LLMEvent]] = field(default_factory=list)
    end_ms: float = 0.0
    ending: LLMResult | LLMError | Cancel | None = None
    then: Cancel | None = None
    """It failed, and the effect was canceled while it waited for the next attempt."""

    @property
    def execution_ref(self) -> str | None:
        """What the backend called it, when it was made."""
        ref = self.events[0][1].metadata.get("execution_ref") if self.events else None
        return ref if isinstance(ref, str) else None


def call_of(signals: Iterable[Signal], attempt: int, response: Mapping[str, Any] | None) -> Call | None:
    """The attempt of this number, from the lifecycle signals of its effect; None when its end is not among them.

    Args:
        response: Metadata of its `started` event; None: the response never began.
    """
    call = Call()
    began_us: int | None = None
    for signal in signals:
        data = signal.data
        number, lifecycle, status = data.get("attempt"), data.get("lifecycle"), data.get("status")
        if lifecycle == "canceled" and isinstance(call.ending, LLMError):
            call.then = _cancel(data)
        if number != attempt or call.ending is not None:
            continue
        if began_us is None:
            began_us = signal.time_us
        at_ms = (signal.time_us - began_us) / 1000
        if lifecycle == "progress" and status != "retrying":
            call.events += _events(data, at_ms)
        elif lifecycle in ("progress", "completed", "failed", "canceled"):
            call.end_ms = float(data.get("duration_ms") or at_ms)
            call.ending = _ending(data)
            if response is not None:
                call.events.insert(0, (0.0, _started(data, response, call.ending)))
    return call if call.ending is not None else None


_TOLD = ("session_id", "execution_ref", "session", "cost")
"""What events tell beside the content, and every ending keeps."""


def _started(data: Mapping[str, Any], response: Mapping[str, Any], ending: Any) -> LLMEvent:
    told = {key: data[key] for key in _TOLD if data.get(key) is not None}
    # An answer that was canceled tells nowhere else what it had consumed.
    usage = _told(data) if isinstance(ending, Cancel) else None
    return LLMEvent("started", 0, usage=usage, metadata={**response, **told})


def _ending(data: Mapping[str, Any]) -> LLMResult | LLMError | Cancel:
    if data.get("lifecycle") == "completed":
        result = dict(data.get("result") or {})
        return LLMResult.from_payload({**result, "metadata": {**(result.get("metadata") or {}), REPLAYED: True}})
    if data.get("lifecycle") == "canceled":
        return _cancel(data)
    error = LLMError.from_payload(data)
    error.details[REPLAYED] = True
    error.usage = _told(data)
    error.partial_text = str(data.get("partial_text") or "")
    return error


def _cancel(data: Mapping[str, Any]) -> Cancel:
    told = {key: value for key, value in data.items() if key.startswith("backend_cancel")}
    return Cancel(str(data.get("reason") or "canceled"), data.get("requested_by"), told)


def _told(data: Mapping[str, Any]) -> Usage | None:
    """What the provider had told. An output that was a guess is left out: it is guessed again from the same text."""
    payload = data.get("usage")
    if not isinstance(payload, Mapping):
        return None
    guessed = {"output_tokens": None} if payload.get("estimated") else {}
    usage = Usage.from_payload({**payload, **guessed})
    return None if usage == Usage() else usage


def _events(data: Mapping[str, Any], at_ms: float) -> list[tuple[float, LLMEvent]]:
    sequence = int(data.get("sequence") or 0)
    match data.get("status"):
        case "tool":
            return [(at_ms, LLMEvent("tool", sequence, tool=_tool(data)))]
        case "retracted":
            kept = Retraction(int(data.get("kept_chars") or 0), int(data.get("kept_thinking_chars") or 0))
            return [(at_ms, LLMEvent("delta", sequence, aside=kept))]
        case "agent_retrying":
            return [(at_ms, LLMEvent("delta", sequence, aside=_agent_retry(data)))]
    pieces = [
        *((at, LLMEvent("thinking", sequence, thinking=piece)) for at, piece in _pieces(data, "thinking", at_ms)),
        *((at, LLMEvent("delta", sequence, delta=piece)) for at, piece in _pieces(data, "token", at_ms)),
    ]
    # Stable: thinking and text that arrived in the same tenth of a millisecond keep the order in which models write.
    return sorted(pieces, key=lambda piece: piece[0])


_CHUNKS = {"token": "chunks", "thinking": "thinking_chunks"}


def _pieces(data: Mapping[str, Any], kind: str, at_ms: float) -> list[tuple[float, str]]:
    text = str(data.get(f"{kind}_delta") or "")
    if not text:
        return []
    pieces, start = [], 0
    for at, chars in data.get(_CHUNKS[kind]) or [[at_ms, len(text)]]:
        pieces.append((float(at), text[start : start + int(chars)]))
        start += int(chars)
    return pieces


def _tool(data: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        id=str(data.get("tool_call_id") or ""),
        name=str(data.get("tool_name") or ""),
        arguments=data.get("tool_input"),
        status=data.get("tool_status") or "pending",
        output=data.get("tool_output"),
    )


def _agent_retry(data: Mapping[str, Any]) -> AgentRetry:
    details = data.get("details") or {}
    return AgentRetry(
        attempt=int(data.get("agent_attempt") or 1),
        max_attempts=data.get("agent_max_attempts"),
        wait_ms=data.get("wait_ms"),
        reason=str(data.get("reason") or ""),
        category=data.get("error_category") or "unknown",
        status=details.get("status"),
    )
