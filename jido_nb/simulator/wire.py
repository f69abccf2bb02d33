"""What a wire protocol has to know for the simulator to speak it. A protocol is one pure object: no clock, no socket.

A protocol turns an answer into operations, and the server performs them: bytes are sent, a `Wait` waits, a `Stall`
stays silent, a `Reset` resets, a `Truncate` ends the body. An operation after a fault is never performed.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from .asked import Asked
from .scenario import Answer
from .steps import Fault, Hold, Interlude, Ping, Raw, Reset, Stall, StreamError, Text, Thinking, ToolUse, Truncate, Wait

Op = bytes | Wait | Hold | Stall | Reset | Truncate
Headers = list[tuple[str, str]]

SEND_LIMIT = 64 * 1024
"""Events that follow each other without a pause are joined into sends of about this many bytes."""


class Refusal(Exception):
    """The request is not one that the real service accepts: answer with `status` and an error of type `kind`."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class Wire(Protocol):
    """One wire protocol."""

    @property
    def path(self) -> str:
        """The path that clients post to."""

    @property
    def ping(self) -> bytes:
        """An event that carries nothing."""

    def read(self, body: bytes) -> Asked:
        """Read a request.

        Raises:
            Refusal: the real service would refuse it.
        """

    def key(self, headers: Iterable[tuple[str, str]]) -> str | None:
        """The key that the request carries; header names are in lower case."""

    def headers(self, request_id: str) -> Headers:
        """Headers that each response carries, whatever its status, but for the content type."""

    def stream(self, answer: Answer, asked: Asked, request_id: str) -> Iterator[Op]:
        """The answer as an event stream, up to its end or its first fault."""

    def whole(self, answer: Answer, asked: Asked, request_id: str) -> bytes:
        """The answer as one JSON body, as if it had no fault."""

    def error(self, status: int, kind: str | None, message: str | None, request_id: str) -> bytes:
        """An error body; None: the usual type and message for the status."""

    def status_of(self, kind: str) -> int:
        """The HTTP status that goes with an error type."""


def fault_of(answer: Answer) -> tuple[float, Fault | None]:
    """How long a body that is not streamed is in the making, in milliseconds, and the fault that spoils it."""
    total = 0.0
    for step in answer.steps:
        pieces = step.pieces if isinstance(step, Text | Thinking | ToolUse) else (step,)
        pause = step.pause_ms if isinstance(step, Text | Thinking | ToolUse) else 0
        for piece in pieces:
            if isinstance(piece, Fault):
                return total, piece
            total += piece.ms if isinstance(piece, Wait) else pause if isinstance(piece, str) else 0
    return total, None


def joined_sends(ops: Iterable[Op | StreamError]) -> Iterator[Op | StreamError]:
    """The same operations, with neighbouring bytes joined up to `SEND_LIMIT`."""
    pending: list[bytes] = []
    size = 0
    for op in ops:
        if isinstance(op, bytes) and size + len(op) <= SEND_LIMIT:
            pending.append(op)
            size += len(op)
            continue
        if pending:
            yield b"".join(pending)
            pending, size = [], 0
        if isinstance(op, bytes):
            pending, size = [op], len(op)
        else:
            yield op
    if pending:
        yield b"".join(pending)


def interlude_op(step: Interlude, ping: bytes) -> Op | StreamError:
    """What stands between two events, as an operation; an error event is left to the protocol."""
    match step:
        case Ping():
            return ping
        case Raw(text):
            return text.encode(errors="surrogateescape")
        case _:
            return step


def encoded(value: Any) -> bytes:
    """JSON without spaces."""
    # A client may send a lone surrogate as an escape, and an echo would give it back; it has no UTF-8.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
