"""What can go wrong with a model call, and what becomes of it: one table, for the suites and for the page in the docs.

A row is a fault of a server, played by the simulator, or of an agent, played by the stand-in CLI, or a mistake in what
is asked. What must follow is worked out from the row by `Row.expected`, and `retry_bench.py` holds a backend to it:
`jido_ai` with every provider, over real sockets, and `harness`, over real processes. `retry_page.py` writes the page.
To add a fault, add a row.
"""

import signal
from collections.abc import Mapping
from typing import Any

from ..llm.error import Category
from ..simulator.scenario import Answer, Page, Status
from ..simulator.steps import Fault, Piece, Raw, Reset, Stall, StreamError, Text, Truncate, Wait
from .retry_row import PIECES, TIMEOUT_MS, AgentFault, Row


def _broken(*faults: Fault | Raw | Wait, pause_ms: float = 0) -> Answer:
    """The answer, which breaks after its second piece."""
    pieces: tuple[Piece, ...] = (*PIECES[:2], *faults, *PIECES[2:])
    return Answer((Text(pieces, pause_ms=pause_ms),), split=True)


def _told(**record: Any) -> AgentFault:
    """An agent that says why it fails."""
    return ({"fail": record},)


def _garbage(text: str) -> Answer:
    return _broken(Raw(text), Truncate())


def _status(code: int, category: Category, retryable: bool, name: str) -> Row:
    agent = _told(status=code) if code in AGENT_STATUSES else None
    return Row(f"{code} {name}", STATUSES, category, retryable, Status(code), agent, details={"status": code})


def _in_stream(kind: str, category: Category, retryable: bool) -> Row:
    # A stream is what such an event is part of: an answer that comes whole has a status instead.
    return Row(
        f"error event `{kind}`",
        IN_STREAM,
        category,
        retryable,
        _broken(StreamError(kind, "as the row says")),
        modes=("stream",),
        shown=2,
        details={"in_stream": True},
    )


AGENT_STATUSES = frozenset({400, 401, 403, 404, 408, 429, 503, 529})
"""One or two of each kind: an agent only passes on what its server says, and each row costs processes."""
NO_CONNECTION = _told(kind="connection")
STATUSES = "Statuses"
WAITING = "Servers that say when to come back"
CONNECTIONS = "Connections"
IN_STREAM = "Errors inside a stream"
NO_ANSWER = "Answers that are none"
TIME = "Time"
BUDGETS = "Budgets"
AGENTS = "Agents of their own accord"
BEFORE = "Before any request"
NO_KEY = "NO_SUCH_API_KEY"
"""An environment variable that is not set."""

STALL: AgentFault = ({"stall": True},)


def _own(name: str, category: Category, retryable: bool, *steps: Mapping[str, Any], **details: Any) -> Row:
    return Row(name, AGENTS, category, retryable, agent=steps, agents_only=True, details=details)


_BROKEN_ROWS: tuple[tuple[str, Category, bool], ...] = (
    ("overloaded_error", "provider", True),
    ("api_error", "provider", True),
    ("rate_limit_error", "provider", True),
    ("timeout_error", "timeout", True),
    ("authentication_error", "auth", False),
    ("permission_error", "auth", False),
    ("invalid_request_error", "provider", False),
    ("not_found_error", "provider", False),
    ("an_error_of_tomorrow", "provider", True),
)
_TIMED: Mapping[str, Any] = {"max_attempts": 2}

ROWS: tuple[Row, ...] = (
    _status(400, "provider", False, "bad request"),
    _status(401, "auth", False, "key refused"),
    _status(402, "provider", False, "no credit"),
    _status(403, "auth", False, "not allowed"),
    _status(404, "provider", False, "no such model"),
    _status(408, "timeout", True, "request timed out"),
    _status(409, "provider", True, "conflict"),
    _status(413, "provider", False, "request too large"),
    _status(422, "provider", False, "request not understood"),
    _status(425, "provider", True, "too early"),
    _status(429, "provider", True, "too many requests"),
    _status(500, "provider", True, "internal error"),
    _status(502, "provider", True, "bad gateway"),
    _status(503, "provider", True, "unavailable"),
    _status(504, "provider", True, "gateway timed out"),
    _status(529, "provider", True, "overloaded"),
    Row("307 redirect, which is never followed", STATUSES, "unknown", False,
        Status(307, headers=(("location", "/elsewhere"),)), details={"status": 307}),
    Row("503 with an empty body", STATUSES, "provider", True, Page("", 503), details={"status": 503}),
    Row("503 with an empty message", STATUSES, "provider", True, Status(503, ""), _told(status=503, message=""),
        details={"status": 503}),
    Row("502 with a page of a proxy", STATUSES, "provider", True, Page("<html>Bad Gateway</html>", 502),
        details={"status": 502}),
    Row("429 with `Retry-After` in seconds", WAITING, "provider", True, Status(429, retry_after_s=0.05),
        details={"status": 429, "retry_after_ms": 50}),
    Row("429 with `Retry-After` as a date that has passed", WAITING, "provider", True,
        Status(429, retry_after_date_s=-60), details={"status": 429, "retry_after_ms": 0}),
    Row("429 with `retry-after-ms`", WAITING, "provider", True, Status(429, retry_after_ms=30),
        _told(status=429, retry_after_ms=30),
        details={"status": 429, "retry_after_ms": 30}),
    Row("429 with `Retry-After` above `retry_after_cap_ms`", WAITING, "provider", True,
        Status(429, retry_after_s=3600), _told(status=429, retry_after_ms=3_600_000), gives_up=True,
        details={"status": 429, "retry_after_ms": 3_600_000, "gave_up": "retry_after", "wait_ms": 3_600_000}),
    Row("429 with a date above `retry_after_cap_ms`", WAITING, "provider", True,
        Status(429, retry_after_date_s=3600), gives_up=True, details={"status": 429, "gave_up": "retry_after"}),
    Row("connection refused", CONNECTIONS, "transport", True, agent=_told(kind="connection", reason="econnrefused"),
        address="refused", details={"reason": "econnrefused"}, policy={"backoff_ms": 100}),
    Row("host name unknown", CONNECTIONS, "transport", True, agent=_told(kind="connection", reason="gaierror"),
        address="unknown_host", details={"reason": "gaierror"}),
    Row("TLS that the server does not speak", CONNECTIONS, "transport", True, address="tls"),
    Row("reset before the headers", CONNECTIONS, "transport", True, Reset(), NO_CONNECTION),
    Row("closed before the headers", CONNECTIONS, "transport", True, Truncate(clean=False)),
    # What was sent right before a reset may be lost with it, so the reset comes a moment later.
    Row("reset in the middle of the answer", CONNECTIONS, "transport", True, _broken(Wait(40), Reset()),
        NO_CONNECTION, shown=2),
    Row("closed in the middle of the answer", CONNECTIONS, "transport", True, _broken(Truncate(clean=False)), shown=2),
    Row("an answer without its end", CONNECTIONS, "transport", True, _broken(Truncate()),
        ({"exit": {"code": 0}},), shown=2,
        stream_details={"truncated": True}),
    *(_in_stream(*row) for row in _BROKEN_ROWS),
    Row("200 with a web page", NO_ANSWER, "transport", True, Page(), details={"malformed": True}),
    Row("200 with text", NO_ANSWER, "transport", True, Page("garbage", content_type="text/plain"),
        details={"malformed": True}),
    Row("200 with no content type", NO_ANSWER, "transport", True, Page("garbage", content_type=""),
        details={"malformed": True}),
    Row("200 with JSON that is no answer", NO_ANSWER, "transport", True,
        Page('{"hello": 1}', content_type="application/json"), details={"malformed": True}),
    Row("200 with half an answer", NO_ANSWER, "transport", True,
        Page('{"type": "mess', content_type="application/json"), details={"malformed": True}),
    Row("200 with an event stream that holds no event", NO_ANSWER, "transport", True,
        Page("garbage\n\n", content_type="text/event-stream"), stream_details={"truncated": True}),
    Row("an event that is no JSON", NO_ANSWER, "transport", True, _garbage("data: {half\n\n"), modes=("stream",),
        shown=2, details={"malformed": True}),
    Row("an event that is no object", NO_ANSWER, "transport", True, _garbage("data: 1\n\n"), modes=("stream",),
        shown=2, details={"malformed": True}),
    Row("an event that is no UTF-8", NO_ANSWER, "transport", True, _garbage('data: {"a": "\udcff\udcfe"}\n\n'),
        modes=("stream",), shown=2, details={"malformed": True}),
    Row("an event of more than 32 MiB", NO_ANSWER, "transport", True, _garbage("data: " + "x" * (33 << 20)),
        modes=("stream",), shown=2, policy={"max_attempts": 2}),
    Row("nothing comes within `timeout_ms`", TIME, "timeout", True, Stall(), STALL,
        policy={**_TIMED, "timeout_ms": TIMEOUT_MS}, details={"which": "attempt", "limit_ms": TIMEOUT_MS}),
    Row("the answer takes longer than `timeout_ms`", TIME, "timeout", True, _broken(Stall(ping_ms=40)), shown=2,
        policy={**_TIMED, "timeout_ms": TIMEOUT_MS}, details={"which": "attempt", "limit_ms": TIMEOUT_MS}),
    Row("no headers within `first_chunk_timeout_ms`", TIME, "timeout", True, Stall(), STALL, modes=("stream",),
        policy={**_TIMED, "first_chunk_timeout_ms": TIMEOUT_MS},
        details={"which": "first_chunk", "limit_ms": TIMEOUT_MS}),
    Row("headers, but no text within `first_chunk_timeout_ms`", TIME, "timeout", True,
        Answer((Text((Stall(),)),)), modes=("stream",), policy={**_TIMED, "first_chunk_timeout_ms": TIMEOUT_MS},
        details={"which": "first_chunk", "limit_ms": TIMEOUT_MS}),
    Row("silence for `idle_timeout_ms`", TIME, "timeout", True, _broken(Stall()), STALL, modes=("stream",), shown=2,
        policy={**_TIMED, "idle_timeout_ms": TIMEOUT_MS}, details={"which": "idle", "limit_ms": TIMEOUT_MS}),
    Row("nothing but keep-alives for `idle_timeout_ms`", TIME, "timeout", True, _broken(Stall(ping_ms=40)),
        modes=("stream",), shown=2, policy={**_TIMED, "idle_timeout_ms": TIMEOUT_MS},
        details={"which": "idle", "limit_ms": TIMEOUT_MS}),
    Row("`deadline_ms` passes during an attempt", TIME, "timeout", False, Stall(), STALL,
        policy={"deadline_ms": TIMEOUT_MS}, details={"which": "deadline", "limit_ms": TIMEOUT_MS}),
    Row("the next wait would pass `deadline_ms`", TIME, "provider", True, Status(503), _told(status=503), gives_up=True,
        policy={"deadline_ms": 20_000, "backoff_ms": 25_000},
        details={"status": 503, "which": "deadline", "gave_up": "deadline", "wait_ms": 25_000}),
    Row("an option that the model API does not have", BEFORE, "config", False, agent=(),
        asked={"options": {"temprature": 1}}, details={"field": "options.temprature"}),
    Row("a provider that does not exist", BEFORE, "config", False, agent=(), asked={"model": "nowhere:x"}),
    Row("no key in the environment", BEFORE, "auth", False, address="keyless", details={"field": NO_KEY}),
    Row("a budget that is spent when an attempt fails", BUDGETS, "config", False, Status(503), _told(status=503),
        policy={"budget": {"attempts": 1}},
        details={"budget": "attempts", "scope": "effect", "cap": 1, "used": 1, "last_category": "provider"}),
    _own("it says that it was interrupted", "canceled", False, {"canceled": {}}),
    _own("it says that its model took too long", "timeout", True, {"fail": {"kind": "timeout"}}),
    _own("it says that it has no such model", "config", False, {"fail": {"kind": "model"}}),
    _own("it fails in a way that nobody knows", "unknown", False, {"fail": {"kind": "odd"}}),
    _own("it is not logged in", "auth", False, {"exit": {"code": 1, "stderr": "Not logged in. Please run /login\n"}},
         exit_code=1),
    _own("it complains about its arguments", "config", False,
         {"exit": {"code": 1, "stderr": "error: unknown option '--x'\n"}}, exit_code=1),
    _own("it ends with an exit code that says nothing", "transport", True, {"exit": {"code": 3}},
         exit_code=3, truncated=True),
    _own("it is killed", "transport", True, {"kill": int(signal.SIGKILL)},
         exit_code=-int(signal.SIGKILL), truncated=True),
)  # fmt: skip
