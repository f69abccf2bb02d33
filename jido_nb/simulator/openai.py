"""The OpenAI chat completions protocol, from the server's side: requests in, chunks and bodies out. Pure.

Facts: platform.openai.com "Chat" and "Streaming", and what Ollama, vLLM, llama.cpp, OpenRouter, Groq and DeepSeek do
differently (`dialect.py`). Tools that run at the provider and hidden thinking have no place in this protocol, so those
steps of an answer are not sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .asked import Asked
from .counting import counted
from .openai_request import read_request
from .scenario import Answer
from .steps import Fault, Interlude, StreamError, Text, Thinking, ToolUse, Truncate, Wait, joined
from .wire import Headers, Op, encoded, interlude_op, joined_sends

ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Invalid request"),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    403: ("permission_error", None, "You are not allowed to use this model"),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it"),
    408: ("timeout", None, "Request timed out"),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests"),
    500: ("server_error", None, "The server had an error while processing your request"),
    503: ("server_error", None, "The engine is currently overloaded, please try again later"),
}
"""HTTP status: (error type, code, usual message)."""
STATUS_OF: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 408,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "overloaded_error": 503,
}
"""Error types of scenarios, which may be written in Anthropic's words, and the status that they mean here."""
_SAID_OTHERWISE = frozenset(
    {"authentication_error", "not_found_error", "timeout_error", "rate_limit_error", "api_error", "overloaded_error"}
)
FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
DONE = b"data: [DONE]\n\n"
CREATED_S = 1_735_689_600


class OpenAIWire:
    """See `wire.Wire`."""

    path = "/v1/chat/completions"
    ping = b": still here\n\n"

    def read(self, body: bytes) -> Asked:
        return read_request(body)

    def key(self, headers: Iterable[tuple[str, str]]) -> str | None:
        bearer = dict(headers).get("authorization", "")
        return bearer[7:] if bearer.lower().startswith("bearer ") else None

    def headers(self, request_id: str) -> Headers:
        return [
            ("x-request-id", request_id),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-remaining-tokens", "1999000"),
        ]

    def stream(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op]:
        ops = self._events(answer, asked, request_id)
        for op in ops if answer.split else joined_sends(ops):
            if isinstance(op, StreamError):
                status = STATUS_OF.get(op.kind, 500)
                yield b"data: " + self.error(status, op.kind, op.message, request_id) + b"\n\n"
                yield Truncate()
                return
            yield op

    def whole(self, answer: Answer, asked: Asked, request_id: str) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.thinking:
            message[answer.dialect.reasoning] = answer.thinking
        calls = [step for step in answer.steps if isinstance(step, ToolUse) and not step.server]
        if calls:
            message["tool_calls"] = [_call(step, joined(step.pieces)) for step in calls]
        body = _about("chat.completion", answer, asked, request_id)
        body["choices"] = [{"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(answer)}]
        if answer.dialect.usage != "never":
            body["usage"] = _usage(answer, asked)
        return encoded(body)

    def error(self, status: int, kind: str | None, message: str | None, request_id: str) -> bytes:
        usual = ERRORS.get(
            status, ("server_error" if status >= 500 else "invalid_request_error", None, f"Error {status}")
        )
        other = kind is not None and kind not in _SAID_OTHERWISE
        error = {
            "message": usual[2] if message is None else message,
            "type": kind if other else usual[0],
            "param": None,
            "code": None if other else usual[1],
        }
        return encoded({"error": error})

    def status_of(self, kind: str) -> int:
        return STATUS_OF.get(kind, 500)

    def _events(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op | StreamError]:
        """Everything that a client reads, up to the first fault."""
        dialect = answer.dialect
        about = _about("chat.completion.chunk", answer, asked, request_id)
        wants_usage = (asked.body.get("stream_options") or {}).get("include_usage") is True
        last: dict[str, Any] = {"usage": None} if wants_usage and dialect.usage == "last" else {}
        if dialect.empty_choices:
            yield _event({**about, "choices": [], "prompt_filter_results": []})
        if dialect.role:
            yield _chunk(about, {"role": "assistant", "content": "", "refusal": None}, None, last)
        if dialect.nulls:
            yield _chunk(about, None, None, last)
        for op in _content(answer, about, last):
            yield op
            if isinstance(op, Fault):
                return
        end = {"usage": _usage(answer, asked)} if dialect.usage == "finish" else last
        yield _chunk(about, None if dialect.nulls else {}, _reason(answer) if dialect.finish_reason else None, end)
        if dialect.empty_choices:
            yield _event({**about, "choices": []})
        if last:
            yield _event({**about, "choices": [], "usage": _usage(answer, asked)})
        if dialect.done:
            yield DONE


OPENAI = OpenAIWire()


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + encoded(data) + b"\n\n"


def _about(kind: str, answer: Answer, asked: Asked, request_id: str) -> dict[str, Any]:
    return {
        "id": request_id.replace("req_", "chatcmpl-", 1),
        "object": kind,
        "created": CREATED_S,
        "model": answer.served_model or asked.model,
        "system_fingerprint": "fp_simulated",
    }


def _reason(answer: Answer) -> str:
    return FINISH_REASONS.get(answer.reason_to_stop, answer.reason_to_stop)


def _usage(answer: Answer, asked: Asked) -> dict[str, Any]:
    tokens = counted(answer, asked)
    prompt, completion = (tokens.input or 0) + tokens.cache_read + tokens.cache_write, tokens.output or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
        "completion_tokens_details": {"reasoning_tokens": tokens.thinking or 0},
    }


def _chunk(about: Mapping[str, Any], delta: Any, finish_reason: str | None, last: Mapping[str, Any]) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event({**about, "choices": [choice], **last})


def _content(answer: Answer, about: Mapping[str, Any], last: Mapping[str, Any]) -> Iterator[Op | StreamError]:
    calls = 0
    for step in answer.steps:
        if isinstance(step, Interlude):
            yield interlude_op(step, OpenAIWire.ping)
        elif isinstance(step, Text):
            yield from _pieces(step, "content", answer, about, last)
        elif isinstance(step, Thinking):
            yield from _pieces(step, answer.dialect.reasoning, answer, about, last)
        elif isinstance(step, ToolUse) and not step.server:
            yield from _call_pieces(step, calls, answer, about, last)
            calls += 1


def _pieces(
    step: Text | Thinking, field: str, answer: Answer, about: Mapping[str, Any], last: Mapping[str, Any]
) -> Iterator[Op | StreamError]:
    # Assembled by hand: a burst has many thousand of these, and all but the piece is the same.
    empty = {"role": None, "content": None, "tool_calls": None} if answer.dialect.nulls else {}
    start, end = _chunk(about, {**empty, field: "\0"}, None, last).split(b'"\\u0000"')
    for piece in step.pieces:
        if isinstance(piece, str):
            if step.pause_ms > 0:
                yield Wait(step.pause_ms)
            yield start + encoded(piece) + end
        else:
            yield interlude_op(piece, OpenAIWire.ping)


def _call_pieces(
    step: ToolUse, index: int, answer: Answer, about: Mapping[str, Any], last: Mapping[str, Any]
) -> Iterator[Op | StreamError]:
    dialect = answer.dialect
    at = {"index": index if dialect.tool_index else 0}
    if not dialect.tool_pieces:
        yield _chunk(about, {"tool_calls": [{**at, **_call(step, joined(step.pieces))}]}, None, last)
        return
    yield _chunk(about, {"tool_calls": [{**at, **_call(step, "")}]}, None, last)
    for piece in step.pieces:
        if isinstance(piece, str):
            if step.pause_ms > 0:
                yield Wait(step.pause_ms)
            yield _chunk(about, {"tool_calls": [{**at, "function": {"arguments": piece}}]}, None, last)
        else:
            yield interlude_op(piece, OpenAIWire.ping)


def _call(step: ToolUse, arguments: str) -> dict[str, Any]:
    return {"id": step.id, "type": "function", "function": {"name": step.name, "arguments": arguments}}
