"""One HTTP/1.1 connection: h11 over an anyio stream, with an eye on the client while a response is on its way."""

import math
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream

from .wire import Headers

T = TypeVar("T")

BODY_LIMIT = 32 * 1024 * 1024
"""Larger requests are refused with 413, as Anthropic does."""
PIPELINE_LIMIT = 1024 * 1024
"""A client may send this much ahead while its response is on its way."""
LINGER_S = 1.0
"""How long a connection that we end waits for the client to end it too."""


class ClientGone(Exception):
    """The client has ended the connection."""

    def __init__(self, reason: Literal["eof", "reset"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreadable(Exception):
    """What came is not an HTTP request that can be answered, but for `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Connection:
    """Reads requests and writes responses. Any failure of the client's side raises `ClientGone`."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
        self._ahead = 0
        self._headers_only = False
        self.gone: ClientGone | None = None
        """How the client left, once it has."""
        self.bytes_sent = 0

    @property
    def reusable(self) -> bool:
        """Whether another request may come, now that the response is complete."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def next_request(self) -> HttpRequest | None:
        """The next request, or None when the client has ended the connection between two requests.

        Raises:
            Unreadable: what came is not HTTP, or too large.
            ClientGone: the connection ended in the middle of a request.
        """
        if self.reusable:
            self._http.start_next_cycle()
        self._ahead = 0
        head: h11.Request | None = None
        parts: list[bytes] = []
        size = 0
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise Unreadable(error.error_status_hint, f"not HTTP: {error}") from None
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._write(h11.InformationalResponse(status_code=100, headers=[]))
                try:
                    data = await self._receive()
                except ClientGone:
                    if head is None and not self._http.trailing_data[0]:
                        return None
                    raise
                self._http.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
                self._headers_only = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > BODY_LIMIT:
                    raise Unreadable(413, f"Request exceeds {BODY_LIMIT} bytes")
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
                return HttpRequest(head.method.decode(), head.target.decode("latin-1"), headers, b"".join(parts))
            else:
                return None

    async def while_watching(self, respond: Callable[[], Awaitable[T]]) -> T:
        """Run `respond`, but stop it the moment the client leaves; what the client sends ahead is kept.

        Raises:
            ClientGone: the client left before `respond` was done.
        """
        result: list[T] = []
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                try:
                    while self._ahead <= PIPELINE_LIMIT:
                        data = await self._receive()
                        self._ahead += len(data)
                        self._http.receive_data(data)
                except ClientGone:
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            # Kept and raised outside, so that nobody has to unpack an exception group.
            try:
                result.append(await respond())
            except Exception as error:
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if not result:
            raise self.gone or ClientGone("reset")
        return result[0]

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and the headers."""
        await self._write(h11.Response(status_code=status, headers=headers))

    async def send(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._write(h11.Data(data=data))

    async def finish(self) -> None:
        """End the body."""
        await self._write(h11.EndOfMessage())

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response with its length, in one write; to HEAD, its headers alone."""
        events = (
            h11.Response(status_code=status, headers=[*headers, ("content-length", str(len(body)))]),
            h11.Data(data=b"" if self._headers_only else body),
            h11.EndOfMessage(),
        )
        await self._send(b"".join(self._http.send(event) or b"" for event in events))

    async def reset(self) -> None:
        """End the connection with a RST.

        Raises:
            ClientGone: the client has ended it already.
        """
        raw = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - anyio's, not Django's
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            raise self._left("reset") from None
        await self.close()

    async def hang_up(self) -> None:
        """End our side with a FIN; the client gets a moment to end its own, so that it can read all that we sent."""
        with anyio.move_on_after(LINGER_S):
            try:
                await self._stream.send_eof()
                while True:
                    await self._receive()
            except (ClientGone, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass
        await self.close()

    async def close(self) -> None:
        """End the connection; never waits for the client, also when canceled."""
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()

    async def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise self._left("reset") from None
        self.bytes_sent += len(data)

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive()
        except anyio.EndOfStream:
            raise self._left("eof") from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise self._left("reset") from None

    def _left(self, reason: Literal["eof", "reset"]) -> ClientGone:
        self.gone = self.gone or ClientGone(reason)
        return self.gone


async def silence() -> None:
    """Wait until canceled."""
    await anyio.sleep(math.inf)
