"""Performs one attempt of a scenario on one connection: the only place where scenarios meet a clock."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio

from .asked import Asked
from .connection import Connection, silence
from .exchange import Exchange, Outcome
from .scenario import Answer, Page, Settled, Status
from .steps import Hold, Reset, Stall, StreamError, Truncate, Wait
from .wire import Headers, Op, Wire, fault_of

JSON = ("content-type", "application/json")
EVENTS = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]


@dataclass(frozen=True, slots=True)
class Played:
    """How a response ended, and the fault that is to end its connection, if any."""

    outcome: Outcome
    ending: Reset | Truncate | None = None


class Replies:
    """Writes what a scenario says to one connection, in one protocol."""

    def __init__(self, connection: Connection, wire: Wire, exchange: Exchange, request_id: str) -> None:
        self._connection = connection
        self._wire = wire
        self._exchange = exchange
        self._request_id = request_id

    async def play(self, attempt: Settled, asked: Asked) -> Played:
        """Perform the attempt. A stall ends only by cancellation, which is how a client that leaves shows here."""
        match attempt:
            case Answer():
                return await self._answer(attempt, asked)
            case Status():
                await _pause(attempt.latency_ms)
                return await self.refuse(attempt.code, attempt.kind, attempt.message, _status_headers(attempt))
            case Page():
                headers = [*self._wire.headers(self._request_id), ("content-type", attempt.content_type)]
                return await self._respond(attempt.code, headers, attempt.body.encode("utf-8", "surrogateescape"))
            case Stall():
                await silence()
            case Reset() | Truncate():
                return Played("broken", attempt)
        raise AssertionError(attempt)

    async def refuse(
        self, status: int, kind: str | None, message: str | None, headers: Headers | None = None
    ) -> Played:
        """Respond with an error in the protocol's shape."""
        body = self._wire.error(status, kind, message, self._request_id)
        return await self._respond(status, [JSON, *self._wire.headers(self._request_id), *(headers or [])], body)

    async def _respond(self, status: int, headers: Headers, body: bytes) -> Played:
        self._exchange.status = status
        await self._connection.respond(status, headers, body)
        return Played("completed" if status < 400 else "refused")

    async def _answer(self, answer: Answer, asked: Asked) -> Played:
        await _pause(answer.latency_ms)
        if not asked.stream:
            return await self._whole(answer, asked)
        self._exchange.status = 200
        await self._connection.start(200, [*EVENTS, *self._wire.headers(self._request_id)])
        fault = await self._perform(self._wire.stream(answer, asked, self._request_id))
        if fault is None or (isinstance(fault, Truncate) and fault.clean):
            await self._connection.finish()
            return Played("completed" if fault is None else "broken")
        return Played("broken", fault)

    async def _perform(self, ops: Iterator[Op]) -> Reset | Truncate | None:
        """Send up to the end or the fault, which is returned."""
        # Waits are counted from the start and not from the last wake-up, so that a slow model keeps its rate.
        due = anyio.current_time()
        for op in ops:
            match op:
                case bytes():
                    await self._connection.send(op)
                case Wait(ms):
                    due += ms / 1000
                    await anyio.sleep_until(due)
                case Hold(release):
                    await release.wait()
                    due = anyio.current_time()
                case Stall():
                    await self._stall(op)
                case _:
                    return op
        return None

    async def _stall(self, stall: Stall) -> None:
        while stall.ping_ms is not None:
            await _pause(stall.ping_ms)
            await self._connection.send(self._wire.ping)
        await silence()

    async def _whole(self, answer: Answer, asked: Asked) -> Played:
        """A body that is not streamed comes when all is done, so a fault in the middle spoils all of it."""
        wait_ms, fault = fault_of(answer)
        await _pause(wait_ms)
        headers = [JSON, *self._wire.headers(self._request_id)]
        match fault:
            case None:
                return await self._respond(200, headers, self._wire.whole(answer, asked, self._request_id))
            case StreamError():
                return await self.refuse(self._wire.status_of(fault.kind), fault.kind, fault.message)
            case Stall():
                await silence()
            case Reset():
                return Played("broken", fault)
            case Truncate():
                self._exchange.status = 200
                body = self._wire.whole(answer, asked, self._request_id)
                half = body[: len(body) // 2]
                promised = half if fault.clean else body
                await self._connection.start(200, [*headers, ("content-length", str(len(promised)))])
                await self._connection.send(half)
                if fault.clean:
                    await self._connection.finish()
                return Played("broken", None if fault.clean else fault)
        raise AssertionError(fault)


async def _pause(ms: float) -> None:
    if ms > 0:
        await anyio.sleep(ms / 1000)


def _status_headers(status: Status) -> Headers:
    headers = list(status.headers)
    if status.retry_after_s is not None:
        headers.append(("retry-after", f"{status.retry_after_s:g}"))
    if status.retry_after_date_s is not None:
        # Whole seconds are all that the format holds; rounding up keeps the promise.
        now = datetime.now(UTC)
        at = datetime.fromtimestamp(math.ceil(now.timestamp()), UTC) + timedelta(seconds=status.retry_after_date_s)
        headers.append(("retry-after", format_datetime(at, usegmt=True)))
    if status.retry_after_ms is not None:
        headers.append(("retry-after-ms", str(status.retry_after_ms)))
    return headers
