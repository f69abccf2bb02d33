"""The Gemini protocol, from the server's side: requests in, chunks and bodies out. Pure.

Facts: ai.google.dev "generateContent"; checked by Gemini CLI 0.61, which reads it. The model and the mode are in the
path, so a wire is made for each request. Tools that run at the provider and hidden thinking have no place here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .asked import Asked
from .counting import counted
from .gemini_request import read_request
from .scenario import Answer
from .steps import Fault, Interlude, StreamError, Text, Thinking, ToolUse, Truncate, Wait, joined
from .wire import Headers, Op, encoded, interlude_op, joined_sends

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "API key not valid. Please pass a valid API key."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out."),
}
"""HTTP status: (status in words, usual message)."""
STATUS_OF: Mapping[str, int] = {words: status for status, (words, _) in ERRORS.items()} | {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 503,
    "timeout_error": 504,
}
"""Error types of scenarios, which may be written in Anthropic's words, and the status that they mean here."""
FINISH_REASONS: Mapping[str, str] = {"max_tokens": "MAX_TOKENS", "refusal": "SAFETY"}
"""Stop reason: finish reason. Whatever else, it is STOP."""
_PATH = re.compile(r"/v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent)")


@dataclass(frozen=True, slots=True)
class GeminiWire:
    """See `wire.Wire`."""

    path: str
    model: str
    streams: bool
    ping: bytes = b": still here\r\n\r\n"

    def read(self, body: bytes) -> Asked:
        return read_request(body, self.model, self.streams)

    def key(self, headers: Iterable[tuple[str, str]]) -> str | None:
        return dict(headers).get("x-goog-api-key")

    def headers(self, request_id: str) -> Headers:
        return [("x-request-id", request_id), ("server-timing", "gfet4t7; dur=1")]

    def stream(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op]:
        ops = self._chunks(answer, asked, request_id)
        for op in ops if answer.split else joined_sends(ops):
            if isinstance(op, StreamError):
                yield b"data: " + self.error(STATUS_OF.get(op.kind, 500), op.kind, op.message, request_id) + b"\r\n\r\n"
                yield Truncate()
                return
            yield op

    def whole(self, answer: Answer, asked: Asked, request_id: str) -> bytes:
        parts = [part for step in answer.steps if (part := _part(step)) is not None]
        return encoded(_chunk(answer, asked, request_id, parts, last=True))

    def error(self, status: int, kind: str | None, message: str | None, request_id: str) -> bytes:
        words, usual = ERRORS.get(status, ("INTERNAL" if status >= 500 else "INVALID_ARGUMENT", f"Error {status}"))
        return encoded({"error": {"code": status, "message": message or usual, "status": words}})

    def status_of(self, kind: str) -> int:
        return STATUS_OF.get(kind, 500)

    def _chunks(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op | StreamError]:
        def chunk(*parts: dict[str, Any], last: bool = False) -> bytes:
            return b"data: " + encoded(_chunk(answer, asked, request_id, list(parts), last=last)) + b"\r\n\r\n"

        for step in answer.steps:
            if isinstance(step, Interlude):
                yield interlude_op(step, self.ping)
                if isinstance(step, Fault):
                    return
                continue
            if not isinstance(step, Text | Thinking | ToolUse) or (part := _part(step)) is None:
                continue
            for piece in step.pieces:
                if not isinstance(piece, str):
                    yield interlude_op(piece, self.ping)
                    if isinstance(piece, Fault):
                        return
                    continue
                if step.pause_ms > 0:
                    yield Wait(step.pause_ms)
                if not isinstance(step, ToolUse):
                    yield chunk({**part, "text": piece})
            if isinstance(step, ToolUse):
                # A call comes whole, when its arguments are complete.
                yield chunk(part)
        yield chunk({"text": ""}, last=True)


def gemini_at(path: str) -> GeminiWire | None:
    """The wire for a request to that path; None: it is no path of this protocol."""
    found = _PATH.fullmatch(path)
    return GeminiWire(path, found[1], found[2] == "streamGenerateContent") if found else None


def _part(step: object) -> dict[str, Any] | None:
    match step:
        case Text(pieces):
            return {"text": joined(pieces)}
        case Thinking(pieces):
            return {"text": joined(pieces), "thought": True}
        case ToolUse() if not step.server:
            return {"functionCall": {"id": step.id, "name": step.name, "args": _object(joined(step.pieces))}}
        case _:
            return None


def _chunk(answer: Answer, asked: Asked, request_id: str, parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = FINISH_REASONS.get(answer.reason_to_stop, "STOP")
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(answer, asked, last=last),
        "modelVersion": answer.served_model or asked.model,
        "responseId": request_id,
    }


def _usage(answer: Answer, asked: Asked, *, last: bool) -> dict[str, Any]:
    """Before the last chunk only what was read is known. Thoughts are counted apart from the answer."""
    tokens = counted(answer, asked)
    read, thought = (tokens.input or 0) + tokens.cache_read + tokens.cache_write, tokens.thinking or 0
    said = max(0, (tokens.output or 0) - thought)
    known = {"promptTokenCount": read, "cachedContentTokenCount": tokens.cache_read}
    if not last:
        return {**known, "totalTokenCount": read}
    made = {"candidatesTokenCount": said, "thoughtsTokenCount": thought}
    return {**known, **made, "totalTokenCount": read + said + thought}


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
