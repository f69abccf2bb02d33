"""A loopback HTTP server that plays scenarios over the real wire protocols. No key, no network, no cost."""

import json
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakSet

import anyio
from anyio.abc import SocketAttribute, SocketStream

from .anthropic import ANTHROPIC
from .attempts import Attempts, attempt_key
from .catalogue import CATALOGUE, unknown_model
from .connection import ClientGone, Connection, HttpRequest, Unreadable
from .exchange import BODY_LIMIT, CloseReason, Exchange, Outcome, without_secrets
from .gemini import gemini_at
from .loopback import is_loopback_name, listen
from .openai import OPENAI
from .replies import JSON, Played, Replies
from .responses import RESPONSES
from .scenario import Answer, Scenario
from .settled import settled
from .steps import Reset, Truncate
from .wire import Refusal, Wire

EFFECT_HEADER = "x-jido-effect"
WIRES: Sequence[Wire] = (ANTHROPIC, OPENAI, RESPONSES)
"""The protocols that the server speaks and that have a path of their own; Gemini's is in `gemini_at`."""

logger = logging.getLogger(__name__)


class Server:
    """A running simulator: its address, its models, and a log of what it was asked."""

    def __init__(
        self,
        url: str,
        catalogue: Mapping[str, Scenario],
        keep: int,
        body_limit: int,
        on_end: Callable[[Exchange], None] | None,
    ) -> None:
        self.url = url
        """Base URL without a path, such as `http://127.0.0.1:41234`."""
        self.requests: deque[Exchange] = deque(maxlen=keep)
        """The newest requests, oldest first."""
        self._scenarios = dict(catalogue)
        self._body_limit = body_limit
        self._on_end = on_end
        self._attempts = Attempts()
        self._connections: set[Connection] = set()
        self._accepted = 0
        self._arrived = 0
        self._outcomes: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._streaming = 0
        self._bytes_sent = 0
        self._news = anyio.Event()

    @property
    def scenarios(self) -> Mapping[str, Scenario]:
        """All models by name."""
        return dict(self._scenarios)

    def add(self, name: str, scenario: Scenario) -> None:
        """Serve one more model, or another one under a known name."""
        self._scenarios[name] = scenario

    async def arrived(self, count: int) -> Exchange:
        """Wait until `count` requests have come, and return that one.

        Raises:
            LookupError: it came so long ago that the log has dropped it.
        """
        while self._arrived < count:
            await self._news.wait()
        for exchange in self.requests:
            if exchange.number == count:
                return exchange
        raise LookupError(f"request {count} is no longer in the log, which keeps {self.requests.maxlen}")

    def statistics(self) -> dict[str, Any]:
        """Counts since the start, and what is open now."""
        return {
            "connections": {"open": len(self._connections), "accepted": self._accepted},
            "requests": self._arrived,
            "streaming": self._streaming,
            "outcomes": dict(self._outcomes),
            "models": dict(self._models),
            "bytes_sent": self._bytes_sent,
        }

    async def handle(self, stream: SocketStream) -> None:
        """Serve one connection to its end."""
        connection = Connection(stream)
        self._connections.add(connection)
        self._accepted += 1
        # Weak, because a connection may live as long as its client: the log says how much is remembered.
        carried: WeakSet[Exchange] = WeakSet()
        reason: CloseReason = "shutdown"
        try:
            reason = await self._serve(connection, carried)
        except ClientGone as gone:
            reason = gone.reason
        except Exception as error:
            # A fault of the simulator must not end the runtime that hosts it; it shows in the log and to the client.
            logger.exception("the simulator failed")
            reason = "failed"
            for exchange in carried:
                if exchange.outcome is None:
                    exchange.error = error
                    self._end(exchange, "failed")
        finally:
            self._connections.discard(connection)
            await connection.close()
            for exchange in carried:
                self._end(exchange, "server_closed")
                exchange.close(reason)

    async def _serve(self, connection: Connection, carried: WeakSet[Exchange]) -> CloseReason:
        while True:
            try:
                request = await connection.next_request()
            except Unreadable as error:
                body = ANTHROPIC.error(error.status, None, str(error), self._request_id())
                await connection.respond(error.status, [JSON, ("connection", "close")], body)
                await connection.hang_up()
                return "response"
            if request is None:
                return "response" if connection.gone is None else connection.gone.reason
            exchange = self._note(request)
            carried.add(exchange)
            before = connection.bytes_sent
            try:
                played = await connection.while_watching(partial(self._respond, connection, request, exchange))
            except ClientGone:
                self._end(exchange, "client_closed", connection.bytes_sent - before)
                raise
            self._end(exchange, played.outcome, connection.bytes_sent - before)
            if isinstance(played.ending, Reset):
                await connection.reset()
                return "scenario"
            if isinstance(played.ending, Truncate):
                await connection.hang_up()
                return "scenario"
            if not connection.reusable:
                await connection.hang_up()
                return "response"

    async def _respond(self, connection: Connection, request: HttpRequest, exchange: Exchange) -> Played:
        path = request.path.partition("?")[0]
        wire = next((one for one in WIRES if one.path == path), None) or gemini_at(path)
        replies = Replies(connection, wire or ANTHROPIC, exchange, self._request_id())
        if not is_loopback_name(dict(request.headers).get("host", "")):
            # A web page whose name points at the loopback could read the log otherwise.
            return await replies.refuse(403, None, "the simulator answers on loopback names only")
        if wire is None:
            if (page := self._pages().get(path)) is None:
                return await replies.refuse(404, None, f"{request.method} {path}: no such path")
            exchange.status = 200
            await connection.respond(200, [JSON], json.dumps(page(), indent=1).encode())
            return Played("completed")
        if request.method != "POST":
            return await replies.refuse(405, None, f"{request.method} {path}: use POST", [("allow", "POST")])
        try:
            asked = wire.read(request.body)
        except Refusal as refusal:
            return await replies.refuse(refusal.status, refusal.kind, refusal.message)
        exchange.model, exchange.stream = asked.model, asked.stream
        exchange.body = asked.body if len(request.body) <= self._body_limit else None
        scenario = self._scenarios.get(asked.model)
        if scenario is None:
            return await replies.refuse(404, "not_found_error", unknown_model(asked.model, self._scenarios))
        self._models[asked.model] += 1
        if scenario.api_key is not None and wire.key(request.headers) != scenario.api_key:
            return await replies.refuse(401, None, None)
        key = attempt_key(asked.model, exchange.effect, request.body)
        exchange.attempt = self._attempts.next(key)
        attempt = settled(scenario.attempt(exchange.attempt), asked)
        self._streaming += asked.stream
        try:
            played = await replies.play(attempt, asked)
        finally:
            self._streaming -= asked.stream
        if isinstance(attempt, Answer) and played.outcome == "completed" and exchange.effect is None:
            # The same words may be asked again later, as a new question; an effect never is.
            self._attempts.forget(key)
        return played

    def _pages(self) -> Mapping[str, Callable[[], Any]]:
        return {
            "/": lambda: {name: scenario.description for name, scenario in self._scenarios.items()},
            "/v1/models": self._list_models,
            "/simulator/statistics": self.statistics,
            "/simulator/requests": lambda: [exchange.facts() for exchange in self.requests],
        }

    def _list_models(self) -> dict[str, Any]:
        about = {"type": "model", "created_at": "2025-01-01T00:00:00Z"}
        data = [{**about, "id": name, "display_name": one.description} for name, one in self._scenarios.items()]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return {"data": data, "has_more": False, **ends}

    def _note(self, request: HttpRequest) -> Exchange:
        self._arrived += 1
        exchange = Exchange(
            number=self._arrived,
            method=request.method,
            path=request.path,
            headers=without_secrets(request.headers),
            arrived_s=time.monotonic(),
            effect=dict(request.headers).get(EFFECT_HEADER),
        )
        self.requests.append(exchange)
        news, self._news = self._news, anyio.Event()
        news.set()
        return exchange

    def _end(self, exchange: Exchange, outcome: Outcome, bytes_sent: int = 0) -> None:
        if exchange.outcome is not None:
            return
        exchange.bytes_sent = bytes_sent
        self._bytes_sent += bytes_sent
        self._outcomes[outcome] += 1
        exchange.end(outcome)
        if self._on_end is not None:
            self._on_end(exchange)

    def _request_id(self) -> str:
        return f"req_sim_{self._arrived:06}"


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    catalogue: Mapping[str, Scenario] = CATALOGUE,
    *,
    keep: int = 1000,
    body_limit: int = BODY_LIMIT,
    on_end: Callable[[Exchange], None] | None = None,
) -> AsyncIterator[Server]:
    """Serve the catalogue's models until the block is left; every connection ends then, at once, also when canceled.

    Args:
        host: A loopback address, or `localhost`.
        port: 0 picks a free one.
        keep: Length of the log of requests.
        body_limit: Longest body, in bytes, that the log keeps; of a longer one it keeps all else.
        on_end: Called with each request when its response is over; must not raise.

    Raises:
        ConfigError: the host is not the loopback, or the port cannot be had.
    """
    listener = await listen(host, port)
    address = listener.extra(SocketAttribute.local_address)  # noqa: S610 - anyio's, not Django's
    name = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
    server = Server(f"http://{name}:{address[1]}", catalogue, keep, body_limit, on_end)
    failure: BaseException | None = None
    async with anyio.create_task_group() as tasks:

        async def accept() -> None:
            # Closed, when the block is left.
            with suppress(anyio.ClosedResourceError):
                await listener.serve(server.handle, tasks)

        tasks.start_soon(accept)
        try:
            yield server
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            # Raised outside of the group, so that the caller's own error does not come back wrapped.
            failure = error
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await listener.aclose()
    if failure is not None:
        raise failure
