"""The OpenAI Responses protocol, from the server's side: requests in, events and bodies out. Pure.

Facts: platform.openai.com "Responses" and "Streaming events"; checked against the types of the `openai` SDK 3.52 and
by Codex 0.169, which reads it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from .asked import Asked
from .counting import counted
from .openai import CREATED_S, OPENAI, STATUS_OF
from .responses_items import PING, Items
from .responses_request import read_request
from .scenario import Answer
from .steps import Fault, StreamError, Truncate
from .wire import Headers, Op, encoded, joined_sends

INCOMPLETE: Mapping[str, str] = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}
"""Stop reason: why the response says that it is incomplete. Whatever else, it is complete."""


class ResponsesWire:
    """See `wire.Wire`."""

    path = "/v1/responses"
    ping = PING

    def read(self, body: bytes) -> Asked:
        return read_request(body)

    def key(self, headers: Iterable[tuple[str, str]]) -> str | None:
        return OPENAI.key(headers)

    def headers(self, request_id: str) -> Headers:
        return OPENAI.headers(request_id)

    def stream(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op]:
        numbers = count()

        def event(kind: str, **fields: Any) -> bytes:
            data = {"type": kind, "sequence_number": next(numbers), **fields}
            return f"event: {kind}\ndata: ".encode() + encoded(data) + b"\n\n"

        def events() -> Iterator[Op | StreamError]:
            begun = _response(answer, asked, request_id, "in_progress")
            yield event("response.created", response=begun)
            yield event("response.in_progress", response=begun)
            for op in Items(answer, asked.body, request_id).events(event):
                if isinstance(op, StreamError):
                    failed = {**begun, "status": "failed", "error": _failure(op)}
                    yield event("response.failed", response=failed)
                    yield Truncate()
                    return
                yield op
                if isinstance(op, Fault):
                    return
            whole = _whole(answer, asked, request_id)
            yield event(f"response.{whole['status']}", response=whole)

        ops = events()
        for op in ops if answer.split else joined_sends(ops):
            if not isinstance(op, StreamError):
                yield op

    def whole(self, answer: Answer, asked: Asked, request_id: str) -> bytes:
        return encoded(_whole(answer, asked, request_id))

    def error(self, status: int, kind: str | None, message: str | None, request_id: str) -> bytes:
        return OPENAI.error(status, kind, message, request_id)

    def status_of(self, kind: str) -> int:
        return OPENAI.status_of(kind)


RESPONSES = ResponsesWire()


def _whole(answer: Answer, asked: Asked, request_id: str) -> dict[str, Any]:
    reason = INCOMPLETE.get(answer.reason_to_stop)
    whole = _response(answer, asked, request_id, "incomplete" if reason else "completed")
    whole["output"] = Items(answer, asked.body, request_id).whole()
    whole["incomplete_details"] = {"reason": reason} if reason else None
    whole["usage"] = _usage(answer, asked)
    return whole


def _response(answer: Answer, asked: Asked, request_id: str, status: str) -> dict[str, Any]:
    """The response without what it says."""
    body = asked.body
    return {
        "id": request_id.replace("req_", "resp_", 1),
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": answer.served_model or asked.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "temperature": body.get("temperature"),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": [],
        "top_p": body.get("top_p"),
        "usage": None,
    }


def _usage(answer: Answer, asked: Asked) -> dict[str, Any]:
    tokens = counted(answer, asked)
    given, made = (tokens.input or 0) + tokens.cache_read + tokens.cache_write, tokens.output or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": tokens.thinking or 0},
        "total_tokens": given + made,
    }


def _failure(error: StreamError) -> dict[str, Any]:
    """An error of the stream: its type as it is, or what the types of the scenarios are called in this protocol."""
    limited = STATUS_OF.get(error.kind) == 429 and error.kind != "insufficient_quota"
    usual = "rate_limit_exceeded" if limited else "server_error"
    said_otherwise = error.kind in STATUS_OF and error.kind != "insufficient_quota"
    return {"code": usual if said_otherwise else error.kind, "message": error.message}
