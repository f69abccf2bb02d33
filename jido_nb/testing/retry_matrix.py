"""What can go wrong with a model call, and what becomes of it: one table, for the suite and for the page in the docs.

A row is a fault of a server, played by the simulator, or a mistake in what is asked. What must follow is worked out
from the row by `Row.expected`; `tests/backends/test_retry_matrix.py` holds every provider to it, over real sockets, and
`retry_page.py` writes the page. To add a fault, add a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ..llm.error import Category
from ..simulator.scenario import Answer, Attempt, Page, Scenario, Status
from ..simulator.steps import Fault, Piece, Raw, Reset, Stall, StreamError, Text, Truncate, Wait

Mode = Literal["stream", "start"]
Address = Literal["simulator", "refused", "unknown_host", "tls", "keyless"]

MODES: tuple[Mode, ...] = ("stream", "start")
PIECES = ("one ", "two ", "three ")
"""The answer of a server that is well, and of one that fails until it fails."""
MAX_ATTEMPTS = 3
POLICY: Mapping[str, Any] = MappingProxyType({"max_attempts": MAX_ATTEMPTS, "backoff_ms": 2, "jitter": 0.0})
"""Waits that a suite has the time for."""
TIMEOUT_MS = 150
EVERY_ENDING = frozenset(
    {
        "effect_id", "lifecycle", "effect_class", "kind", "attempt", "backend", "provider", "model", "stream",
        "duration_ms", "first_chunk_ms",
    }
)  # fmt: skip
TERMINAL_KEYS: Mapping[str, frozenset[str]] = {
    "completed": EVERY_ENDING | {"result"},
    "failed": EVERY_ENDING | {"reason", "error_category", "retryable", "details", "partial_text", "usage", "cost"},
}

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Expected:
    """What must follow."""

    attempts: int
    requests: int
    ending: Literal["completed", "failed"]
    story: tuple[str, ...]
    """The lifecycle with the attempt, `retrying@1` for example; a run of equal ones once."""
    chunks: int
    retries: Mapping[str, int]
    """Retries by category, as telemetry counts them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    """For people: a line of the page."""
    group: str
    category: Category
    retryable: bool
    fault: Attempt | None = None
    """What the simulator does; None: it is never reached."""
    modes: tuple[Mode, ...] = MODES
    shown: int = 0
    """Pieces of the answer that a stream shows before it fails."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What `details` of the failure holds, beside more."""
    stream_details: Mapping[str, Any] = field(default_factory=dict)
    """The same, of streams only."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the message asks for, where that is what is wrong."""
    address: Address = "simulator"
    gives_up: bool = False
    """It is not tried again, though it could be."""
    whole_category: Category | None = None
    """The category of an answer that is not streamed, where it is another one."""

    @property
    def tried_again(self) -> bool:
        return self.retryable and not self.gives_up

    @property
    def can_recover(self) -> bool:
        """Whether the fault is one that may be gone the next time."""
        return self.fault is not None or self.address == "refused"

    @property
    def max_attempts(self) -> int:
        return int(self.policy.get("max_attempts", MAX_ATTEMPTS))

    def scenario(self, *, recovers: bool) -> Scenario | None:
        """A model that fails like this once and then answers, or that fails like this every time."""
        if self.fault is None:
            return None
        return Scenario.text(PIECES).after(self.fault) if recovers else Scenario.always(self.fault)

    def expected(self, mode: Mode, *, recovers: bool) -> Expected:
        """What must follow the fault, if the server recovers after it or never does."""
        again = self.tried_again
        completed = again and recovers
        attempts = (2 if recovers else self.max_attempts) if again else 1
        streams = mode == "stream"
        story = ["started@1"]
        for number in range(1, attempts + 1):
            last = number == attempts
            if streams and (self.shown or (last and completed)):
                story.append(f"streaming@{number}")
            if not last:
                story += [f"retrying@{number}", f"retry_attempt_started@{number + 1}"]
        ending: Literal["completed", "failed"] = "completed" if completed else "failed"
        story.append(f"{ending}@{attempts}")
        failures = attempts - completed
        chunks = (self.shown * failures + (len(PIECES) if completed else 0)) if streams else 0
        reached = attempts if self.address == "simulator" and self.fault is not None else 0
        if self.address == "refused" and completed:
            reached = 1
        retries: dict[str, int] = {self.category_in(mode): attempts - 1} if attempts > 1 else {}
        return Expected(attempts, reached, ending, tuple(story), chunks, retries)

    def category_in(self, mode: Mode) -> Category:
        return self.category if mode == "stream" or self.whole_category is None else self.whole_category

    def details_in(self, mode: Mode) -> Mapping[str, Any]:
        return {**self.details, **(self.stream_details if mode == "stream" else {})}


def _broken(*faults: Fault | Raw | Wait, pause_ms: float = 0) -> Answer:
    """The answer, which breaks after its second piece."""
    pieces: tuple[Piece, ...] = (*PIECES[:2], *faults, *PIECES[2:])
    return Answer((Text(pieces, pause_ms=pause_ms),), split=True)


def _garbage(text: str) -> Answer:
    return _broken(Raw(text), Truncate())


def _status(code: int, category: Category, retryable: bool, name: str) -> Row:
    fault = Status(code)
    return Row(f"{code} {name}", STATUSES, category, retryable, fault, details={"status": code})


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


STATUSES = "Statuses"
WAITING = "Servers that say when to come back"
CONNECTIONS = "Connections"
IN_STREAM = "Errors inside a stream"
NO_ANSWER = "Answers that are none"
TIME = "Time"
BUDGETS = "Budgets"
BEFORE = "Before any request"
NO_KEY = "NO_SUCH_API_KEY"
"""An environment variable that is not set."""

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
    Row("503 with an empty message", STATUSES, "provider", True, Status(503, ""), details={"status": 503}),
    Row("502 with a page of a proxy", STATUSES, "provider", True, Page("<html>Bad Gateway</html>", 502),
        details={"status": 502}),
    Row("429 with `Retry-After` in seconds", WAITING, "provider", True, Status(429, retry_after_s=0.05),
        details={"status": 429, "retry_after_ms": 50}),
    Row("429 with `Retry-After` as a date that has passed", WAITING, "provider", True,
        Status(429, retry_after_date_s=-60), details={"status": 429, "retry_after_ms": 0}),
    Row("429 with `retry-after-ms`", WAITING, "provider", True, Status(429, retry_after_ms=30),
        details={"status": 429, "retry_after_ms": 30}),
    Row("429 with `Retry-After` above `retry_after_cap_ms`", WAITING, "provider", True,
        Status(429, retry_after_s=3600), gives_up=True,
        details={"status": 429, "retry_after_ms": 3_600_000, "gave_up": "retry_after", "wait_ms": 3_600_000}),
    Row("429 with a date above `retry_after_cap_ms`", WAITING, "provider", True,
        Status(429, retry_after_date_s=3600), gives_up=True, details={"status": 429, "gave_up": "retry_after"}),
    Row("connection refused", CONNECTIONS, "transport", True, address="refused", details={"reason": "econnrefused"},
        policy={"backoff_ms": 100}),
    Row("host name unknown", CONNECTIONS, "transport", True, address="unknown_host", details={"reason": "gaierror"}),
    Row("TLS that the server does not speak", CONNECTIONS, "transport", True, address="tls"),
    Row("reset before the headers", CONNECTIONS, "transport", True, Reset()),
    Row("closed before the headers", CONNECTIONS, "transport", True, Truncate(clean=False)),
    # What was sent right before a reset may be lost with it, so the reset comes a moment later.
    Row("reset in the middle of the answer", CONNECTIONS, "transport", True, _broken(Wait(40), Reset()), shown=2),
    Row("closed in the middle of the answer", CONNECTIONS, "transport", True, _broken(Truncate(clean=False)), shown=2),
    Row("an answer without its end", CONNECTIONS, "transport", True, _broken(Truncate()), shown=2,
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
    Row("nothing comes within `timeout_ms`", TIME, "timeout", True, Stall(),
        policy={**_TIMED, "timeout_ms": TIMEOUT_MS}, details={"which": "attempt", "limit_ms": TIMEOUT_MS}),
    Row("the answer takes longer than `timeout_ms`", TIME, "timeout", True, _broken(Stall(ping_ms=40)), shown=2,
        policy={**_TIMED, "timeout_ms": TIMEOUT_MS}, details={"which": "attempt", "limit_ms": TIMEOUT_MS}),
    Row("no headers within `first_chunk_timeout_ms`", TIME, "timeout", True, Stall(), modes=("stream",),
        policy={**_TIMED, "first_chunk_timeout_ms": TIMEOUT_MS},
        details={"which": "first_chunk", "limit_ms": TIMEOUT_MS}),
    Row("headers, but no text within `first_chunk_timeout_ms`", TIME, "timeout", True,
        Answer((Text((Stall(),)),)), modes=("stream",), policy={**_TIMED, "first_chunk_timeout_ms": TIMEOUT_MS},
        details={"which": "first_chunk", "limit_ms": TIMEOUT_MS}),
    Row("silence for `idle_timeout_ms`", TIME, "timeout", True, _broken(Stall()), modes=("stream",), shown=2,
        policy={**_TIMED, "idle_timeout_ms": TIMEOUT_MS}, details={"which": "idle", "limit_ms": TIMEOUT_MS}),
    Row("nothing but keep-alives for `idle_timeout_ms`", TIME, "timeout", True, _broken(Stall(ping_ms=40)),
        modes=("stream",), shown=2, policy={**_TIMED, "idle_timeout_ms": TIMEOUT_MS},
        details={"which": "idle", "limit_ms": TIMEOUT_MS}),
    Row("`deadline_ms` passes during an attempt", TIME, "timeout", False, Stall(),
        policy={"deadline_ms": TIMEOUT_MS}, details={"which": "deadline", "limit_ms": TIMEOUT_MS}),
    Row("the next wait would pass `deadline_ms`", TIME, "provider", True, Status(503), gives_up=True,
        policy={"deadline_ms": 5000, "backoff_ms": 6000},
        details={"status": 503, "which": "deadline", "gave_up": "deadline", "wait_ms": 6000}),
    Row("an option that the model API does not have", BEFORE, "config", False,
        asked={"options": {"temprature": 1}}, details={"field": "options.temprature"}),
    Row("a provider that does not exist", BEFORE, "config", False, asked={"model": "nowhere:x"}),
    Row("no key in the environment", BEFORE, "auth", False, address="keyless", details={"field": NO_KEY}),
    Row("a budget that is spent when an attempt fails", BUDGETS, "config", False, Status(503),
        policy={"budget": {"attempts": 1}},
        details={"budget": "attempts", "scope": "effect", "cap": 1, "used": 1, "last_category": "provider"}),
)  # fmt: skip
