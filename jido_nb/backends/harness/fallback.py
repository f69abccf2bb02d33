"""Read a record that no decoder knows, by the shapes that agents' records commonly have (reference 1.14).

What is mended against the original: an error ends the run as it is, blank pieces of a stream are text, the text of an
`assistant` record is not thinking too, and a stream that just ends is no success (the backend sees to that).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...llm.error import LLMError, from_status
from ...llm.usage import Usage

Ending = Literal["completed", "canceled", "failed"]

_DELTAS = frozenset({"output_text_delta", "text_delta", "delta", "assistant_text", "assistant"})
_THINKING = frozenset({"thinking_delta", "thinking", "assistant"})
_COMPLETED = frozenset({"session_completed", "completed", "turn_completed", "run_completed"})
_FAILED = frozenset({"session_failed", "failed", "error", "turn_failed", "run_failed"})
_CANCELED = frozenset(
    {"session_cancelled", "session_canceled", "cancelled", "canceled", "turn_aborted", "run_cancelled", "run_canceled"}
)
_USAGE = {
    "input_tokens": ("input_tokens", "inputTokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "outputTokens", "completion_tokens"),
    "cache_read_tokens": ("cache_read_tokens", "cache_read_input_tokens", "cached_input_tokens", "cachedReadTokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_creation_input_tokens", "cachedWriteTokens"),
    "reasoning_tokens": ("reasoning_tokens", "reasoning_output_tokens", "thoughtTokens"),
}


@dataclass(frozen=True, slots=True)
class Extract:
    """What could be read. `final`: the answer in the agent's last word."""

    deltas: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    final: str | None = None
    ending: Ending | None = None
    error: LLMError | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    session_id: str | None = None


def extract(record: Mapping[str, Any]) -> Extract:
    """The meaning of a record, by its type, which is looked for in it and in its `payload`."""
    payload = record.get("payload")
    places = (payload, record) if isinstance(payload, Mapping) else (record,)
    kind = _kind(record, places)
    ending = _ending(kind, places)
    final = _final(places) if ending == "completed" else None
    return Extract(
        deltas=tuple(_unique(_texts(places))) if kind in _DELTAS else (),
        thinking=tuple(_unique(_thoughts(kind, places))) if kind in _THINKING else (),
        final=final,
        ending=ending,
        error=_error(places) if ending == "failed" else None,
        usage=_usage(places),
        finish_reason=_text(places, "finish_reason", "stop_reason"),
        session_id=_text(places, "session_id", "thread_id", "sessionId"),
    )


def _kind(record: Mapping[str, Any], places: tuple[Mapping[str, Any], ...]) -> str:
    said = _text((record, *places), "type")
    if said is None:
        for key, meant in (("output_text", "completed"), ("text", "delta"), ("error", "failed")):
            if any(place.get(key) for place in places):
                return meant
        return ""
    return said.strip().lower().replace("-", "_").replace(".", "_")


def _ending(kind: str, places: tuple[Mapping[str, Any], ...]) -> Ending | None:
    if kind in _COMPLETED or kind == "output_text_final":
        return "completed"
    if kind == "result":
        return "failed" if any(_says_failed(place) for place in places) else "completed"
    if kind in _FAILED:
        return "failed"
    return "canceled" if kind in _CANCELED else None


def _says_failed(place: Mapping[str, Any]) -> bool:
    return (
        place.get("is_error") is True
        or str(place.get("subtype") or "").startswith("error")
        or place.get("status") in ("error", "failed", "failure")
        or place.get("error") is not None
    )


def _texts(places: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    for place in places:
        for key in ("delta", "text", "output_text"):
            if isinstance(place.get(key), str):
                yield place[key]
        yield from _blocks(place, "text")


def _thoughts(kind: str, places: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    # The plain text of an `assistant` record is its answer; the original gave it out as thinking as well.
    keys = ("thinking", "reasoning") if kind == "assistant" else ("text", "thinking", "reasoning")
    for place in places:
        for key in keys:
            if isinstance(place.get(key), str):
                yield place[key]
        yield from _blocks(place, "thinking")


def _final(places: tuple[Mapping[str, Any], ...]) -> str | None:
    for place in places:
        for key in ("output_text", "text", "content", "result"):
            if isinstance(place.get(key), str):
                return str(place[key])
        if blocks := list(_blocks(place, "text")):
            return "".join(blocks)
    return None


def _blocks(place: Mapping[str, Any], kind: str) -> Iterator[str]:
    message = place.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == kind and isinstance(block.get(kind), str):
            yield block[kind]


def _unique(texts: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text and text not in seen:
            seen.add(text)
            yield text


def _error(places: tuple[Mapping[str, Any], ...]) -> LLMError:
    for place in places:
        error = place.get("error")
        if isinstance(error, Mapping):
            status = next(
                (error[key] for key in ("status", "status_code", "code") if isinstance(error.get(key), int)), 0
            )
            message = str(error.get("message") or error.get("reason") or error)
            return from_status(status, message) if status >= 400 else LLMError("provider", message)
        if isinstance(error, str) and error:
            return LLMError("provider", error)
    message = _text(places, "message", "result", "reason") or "the agent reported a failure without a reason"
    return LLMError("provider", message)


def _usage(places: tuple[Mapping[str, Any], ...]) -> Usage | None:
    for place in places:
        for key in ("usage", "token_usage"):
            table = place.get(key)
            if isinstance(table, Mapping) and table:
                found = {
                    name: next((table[key] for key in keys if isinstance(table.get(key), int)), None)
                    for name, keys in _USAGE.items()
                }
                return Usage(**found) if any(value is not None for value in found.values()) else None
    return None


def _text(places: tuple[Mapping[str, Any], ...], *keys: str) -> str | None:
    for place in places:
        for key in keys:
            if isinstance(place.get(key), str) and place[key]:
                return str(place[key])
    return None
