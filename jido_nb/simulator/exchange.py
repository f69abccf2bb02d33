"""One request to the simulator and what became of it: an entry of the log that tests and demos read."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio

Outcome = Literal["completed", "refused", "broken", "client_closed", "server_closed", "failed"]
"""`refused`: an error status. `broken`: the scenario's own reset, truncation or error event.
`failed`: a fault of the simulator itself."""
CloseReason = Literal["eof", "reset", "scenario", "response", "shutdown", "failed"]
"""Clients: `eof` (FIN) or `reset` (RST; also what a client's system sends for unread data). The rest is the server."""

SECRET_HEADERS = frozenset({"x-api-key", "authorization", "proxy-authorization", "cookie"})
HIDDEN = "<hidden>"
BODY_LIMIT = 64 * 1024
"""Longer bodies are not kept."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Exchange:
    """Times are seconds of `time.monotonic()`."""

    number: int
    """Counts all requests of this server, from 1."""
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case; the values of secret ones are `<hidden>`."""
    arrived_s: float
    model: str | None = None
    stream: bool | None = None
    effect: str | None = None
    """The `x-jido-effect` header: the effect that asks."""
    attempt: int | None = None
    body: Mapping[str, Any] | None = None
    status: int | None = None
    bytes_sent: int = 0
    outcome: Outcome | None = None
    ended_s: float | None = None
    closed_s: float | None = None
    closed_by: Literal["client", "server"] | None = None
    close_reason: CloseReason | None = None
    error: BaseException | None = None
    ended: anyio.Event = field(default_factory=anyio.Event, repr=False)
    """The response is over, in whatever way."""
    closed: anyio.Event = field(default_factory=anyio.Event, repr=False)
    """The connection that carried it is gone. A kept-alive connection goes long after the response."""

    def end(self, outcome: Outcome) -> None:
        """Note how the response ended; only the first call counts."""
        if self.outcome is None:
            self.outcome = outcome
            self.ended_s = time.monotonic()
            self.ended.set()

    def close(self, reason: CloseReason) -> None:
        """Note how the connection ended; only the first call counts."""
        if self.closed_s is None:
            self.closed_s = time.monotonic()
            self.closed_by = "client" if reason in ("eof", "reset") else "server"
            self.close_reason = reason
            self.closed.set()

    def facts(self) -> dict[str, Any]:
        """What is safe to show to anybody: no headers, no body."""
        names = ("number", "path", "model", "stream", "effect", "attempt", "status", "bytes_sent", "outcome")
        times = ("arrived_s", "ended_s", "closed_s", "closed_by", "close_reason")
        return {name: getattr(self, name) for name in (*names, *times)}


def without_secrets(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers with the values of secret ones replaced."""
    return {name: HIDDEN if name in SECRET_HEADERS else value for name, value in headers}
