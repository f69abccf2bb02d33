"""Join the deltas of one attempt, so that the log grows with time and not with the number of chunks.

Rule 1: the first delta goes out at once; after that one signal per `join_ms` at most carries all that came.
        Where deltas come in gulps, `join_ms` begins with a gulp, so that no part of it waits for the next one.
Rule 2: every character, and for every chunk its arrival and length, is in exactly one payload, in order.
Rule 3: a tool event, and an aside, lets what is pending go first, then goes alone and at once.
Times are milliseconds since the attempt began and come in from outside; nothing here reads a clock.
"""

from collections.abc import Sequence
from typing import Any, Final

from ..llm.event import LLMEvent, Retraction

MAX_PENDING_CHARS: Final = 64 * 1024
MAX_PENDING_CHUNKS: Final = 4096

Payload = dict[str, Any]
_NOTHING: Final[Sequence[Payload]] = ()


class DeltaJoiner:
    """Collects deltas and says what to send. Runs once per chunk, so adding one is a few list appends."""

    __slots__ = (
        "_chars",
        "_chunks",
        "_join_ms",
        "_sent_at_ms",
        "_sequence",
        "_texts",
        "_thinking",
        "_thinking_chunks",
        "due_at_ms",
        "gulps",
    )

    def __init__(self, join_ms: float) -> None:
        self._join_ms = join_ms
        self.gulps = False
        """Whether deltas come in gulps that are further apart than `join_ms`, as from a stream that rests."""
        self._sent_at_ms = float("-inf")
        self.due_at_ms: float | None = None
        """When `take` has to be called; None: nothing is pending."""
        self._sequence = 0
        self._chars = 0
        self._texts: list[str] = []
        self._chunks: list[tuple[float, int]] = []
        self._thinking: list[str] = []
        self._thinking_chunks: list[tuple[float, int]] = []

    def offer(self, event: LLMEvent, at_ms: float) -> Sequence[Payload]:
        """Add one event; the payloads that have to go out now, in order (mostly none)."""
        text, thinking = event.delta, event.thinking
        if text:
            self._texts.append(text)
            self._chunks.append((at_ms, len(text)))
            self._chars += len(text)
        if thinking:
            self._thinking.append(thinking)
            self._thinking_chunks.append((at_ms, len(thinking)))
            self._chars += len(thinking)
        if self.due_at_ms is None and (text or thinking):
            self._sequence = event.sequence
            self.due_at_ms = (at_ms if self.gulps else self._sent_at_ms) + self._join_ms
        if event.tool is not None or event.aside is not None:
            pending = self.take(at_ms)
            alone = tool_payload(event) if event.tool is not None else aside_payload(event)
            return (alone,) if pending is None else (pending, alone)
        if self.due_at_ms is not None and (
            at_ms >= self.due_at_ms
            or self._chars >= MAX_PENDING_CHARS
            or len(self._chunks) + len(self._thinking_chunks) >= MAX_PENDING_CHUNKS
        ):
            payload = self.take(at_ms)
            return _NOTHING if payload is None else (payload,)
        return _NOTHING

    def take(self, at_ms: float) -> Payload | None:
        """All that is pending, as one payload that goes out at `at_ms`; None when nothing is."""
        if self.due_at_ms is None:
            return None
        payload: Payload = {"status": "streaming" if self._texts else "thinking", "sequence": self._sequence}
        if self._texts:
            payload["token_delta"] = "".join(self._texts)
            payload["chunks"] = [[round(at, 1), chars] for at, chars in self._chunks]
        if self._thinking:
            payload["thinking_delta"] = "".join(self._thinking)
            payload["thinking_chunks"] = [[round(at, 1), chars] for at, chars in self._thinking_chunks]
        self._sent_at_ms = at_ms
        self.due_at_ms = None
        self._chars = 0
        self._texts, self._chunks, self._thinking, self._thinking_chunks = [], [], [], []
        return payload


def tool_payload(event: LLMEvent) -> Payload:
    """What a progress signal says of a tool event."""
    tool = event.tool
    if tool is None:
        raise ValueError("the event holds no tool call")
    payload: Payload = {
        "status": "tool",
        "sequence": event.sequence,
        "tool_name": tool.name,
        "tool_call_id": tool.id,
        "tool_status": tool.status,
        "tool_input": tool.arguments,
    }
    if tool.output is not None:
        payload["tool_output"] = tool.output
    return payload


def aside_payload(event: LLMEvent) -> Payload:
    """What a progress signal says of an agent's own retry (`agent_retrying`) or of text taken back (`retracted`)."""
    aside = event.aside
    if aside is None:
        raise ValueError("the event holds no aside")
    if isinstance(aside, Retraction):
        return {
            "status": "retracted",
            "sequence": event.sequence,
            "kept_chars": aside.text,
            "kept_thinking_chars": aside.thinking,
        }
    return {
        "status": "agent_retrying",
        "sequence": event.sequence,
        "agent_attempt": aside.attempt,
        "agent_max_attempts": aside.max_attempts,
        "wait_ms": aside.wait_ms,
        "reason": aside.reason,
        "error_category": aside.category,
        "details": {} if aside.status is None else {"status": aside.status},
    }
