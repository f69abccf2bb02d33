"""The Anthropic Messages protocol, from the server's side: requests in, events and bodies out. Pure.

Facts: docs.anthropic.com "Messages", "Streaming messages" and "Errors"; checked against the types of the
`anthropic` SDK 2.11.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from .anthropic_request import read_request
from .asked import Asked
from .counting import counted
from .scenario import Answer
from .steps import (
    Block,
    Fault,
    Interlude,
    RedactedThinking,
    Step,
    StreamError,
    Text,
    Thinking,
    ToolUse,
    Truncate,
    Wait,
    joined,
)
from .wire import Headers, Op, encoded, interlude_op, joined_sends

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource"),
    404: ("not_found_error", "Not found"),
    408: ("timeout_error", "Request timed out"),
    409: ("conflict_error", "The request conflicts with another one"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit"),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "The request took too long"),
    529: ("overloaded_error", "Overloaded"),
}
"""HTTP status: (error type, usual message). Of two rows with one type the first tells its status."""

STATUS_OF: Mapping[str, int] = {kind: status for status, (kind, _) in reversed(list(ERRORS.items()))} | {
    "timeout_error": 504
}


class AnthropicWire:
    """See `wire.Wire`."""

    path = "/v1/messages"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'

    def read(self, body: bytes) -> Asked:
        return read_request(body)

    def key(self, headers: Iterable[tuple[str, str]]) -> str | None:
        found = dict(headers)
        bearer = found.get("authorization", "")
        return found.get("x-api-key") or (bearer[7:] if bearer.lower().startswith("bearer ") else None)

    def headers(self, request_id: str) -> Headers:
        return [
            ("request-id", request_id),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-tokens-limit", "400000"),
            ("anthropic-ratelimit-tokens-remaining", "399000"),
        ]

    def stream(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op]:
        message = _message(answer, asked, request_id)
        usage = message["usage"]
        begin = {
            **message,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 1},
        }
        begin["usage"].pop("output_tokens_details", None)
        yield _event({"type": "message_start", "message": begin})
        for op in _content(answer):
            if isinstance(op, StreamError):
                yield (
                    b"event: error\ndata: "
                    + self.error(STATUS_OF.get(op.kind, 500), op.kind, op.message, request_id)
                    + b"\n\n"
                )
                yield Truncate()
                return
            yield op
            if isinstance(op, Fault):
                return
        counted = (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "output_tokens_details",
        )
        delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
        usage = {name: usage[name] for name in counted if name in usage}
        end = _event({"type": "message_delta", "delta": delta, "usage": usage}), _event({"type": "message_stop"})
        yield from end if answer.split else (b"".join(end),)

    def whole(self, answer: Answer, asked: Asked, request_id: str) -> bytes:
        message = _message(answer, asked, request_id)
        message["content"] = [block for step in answer.steps if (block := _block(step)) is not None]
        return encoded(message)

    def error(self, status: int, kind: str | None, message: str | None, request_id: str) -> bytes:
        usual = ERRORS.get(
            status, ("api_error", f"Error {status}") if status >= 500 else ("invalid_request_error", f"Error {status}")
        )
        error = {"type": kind or usual[0], "message": usual[1] if message is None else message}
        return encoded({"type": "error", "error": error, "request_id": request_id})

    def status_of(self, kind: str) -> int:
        return STATUS_OF.get(kind, 500)


ANTHROPIC = AnthropicWire()


def _event(data: Mapping[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: ".encode() + encoded(data) + b"\n\n"


def _message(answer: Answer, asked: Asked, request_id: str) -> dict[str, Any]:
    """The message without its content."""
    tokens = counted(answer, asked)
    usage: dict[str, Any] = {
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }
    if tokens.thinking is not None:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.thinking}
    return {
        "model": answer.served_model or asked.model,
        "id": request_id.replace("req_", "msg_", 1),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": answer.reason_to_stop,
        "stop_sequence": answer.stop_sequence,
        "usage": usage,
    }


# The blocks do not depend on the request, so a burst is encoded once, and not once per stream.
@lru_cache(maxsize=64)
def _content(answer: Answer) -> tuple[Op | StreamError, ...]:
    ops = _blocks(answer)
    return tuple(ops if answer.split else joined_sends(ops))


def _blocks(answer: Answer) -> Iterator[Op | StreamError]:
    """The events of all content blocks, up to the first fault."""
    index = 0
    for step in answer.steps:
        if isinstance(step, Interlude):
            yield interlude_op(step, AnthropicWire.ping)
            if isinstance(step, Fault):
                return
            continue
        yield _event({"type": "content_block_start", "index": index, "content_block": _opened(step)})
        if index == 0:
            yield AnthropicWire.ping
        for op in _deltas(step, index):
            yield op
            if isinstance(op, Fault):
                return
        yield _event({"type": "content_block_stop", "index": index})
        index += 1


def _deltas(step: Step, index: int) -> Iterator[Op | StreamError]:
    match step:
        case Text():
            kind, field = "text_delta", "text"
        case Thinking():
            kind, field = "thinking_delta", "thinking"
        case ToolUse():
            kind, field = "input_json_delta", "partial_json"
            # The real service opens every tool input with an empty piece.
            yield _event({"type": "content_block_delta", "index": index, "delta": {"type": kind, field: ""}})
        case _:
            return
    # Assembled by hand: a burst has many thousand of these, and all but the piece is the same.
    head = (
        f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}",'
    )
    start, end = f'{head}"{field}":'.encode(), b"}}\n\n"
    for piece in step.pieces:
        if not isinstance(piece, str):
            yield interlude_op(piece, AnthropicWire.ping)
            continue
        if step.pause_ms > 0:
            yield Wait(step.pause_ms)
        yield start + encoded(piece) + end
    if isinstance(step, Thinking):
        delta = {"type": "signature_delta", "signature": step.signature}
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})


def _opened(step: Step) -> dict[str, Any]:
    """A content block as its start event shows it."""
    match step:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse():
            return {
                "type": "server_tool_use" if step.server else "tool_use",
                "id": step.id,
                "name": step.name,
                "input": {},
            }
        case _:
            return _block(step) or {}


def _block(step: Step) -> dict[str, Any] | None:
    """A content block as a body that is not streamed shows it; None for what is no block."""
    match step:
        case Text():
            return {"type": "text", "text": joined(step.pieces)}
        case Thinking():
            return {"type": "thinking", "thinking": joined(step.pieces), "signature": step.signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": step.data}
        case ToolUse():
            return {**_opened(step), "input": _loose_json(joined(step.pieces))}
        case Block():
            block: dict[str, Any] = json.loads(step.json)
            return block
        case _:
            return None


def _loose_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
