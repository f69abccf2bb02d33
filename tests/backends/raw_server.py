"""A server that sends the very bytes that it is given, for what no protocol and no simulator would send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream


@asynccontextmanager
async def raw_server(
    head: bytes, body: bytes, *, chunk: int = 1 << 20, end: bool = False, then: bytes | None = None
) -> AsyncIterator[str]:
    """Answers everything with these very bytes, in chunks, and hangs up; `end`: HTTP itself ends properly.

    `then`: it does not hang up, but says this over and over; b"": it says no more.
    """

    async def handle(stream: SocketStream) -> None:
        async with stream:
            try:
                await stream.receive()
                await stream.send(head)
                for start in range(0, len(body), chunk):
                    part = body[start : start + chunk]
                    await stream.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                while then:
                    await stream.send(f"{len(then):x}\r\n".encode() + then + b"\r\n")
                    await anyio.sleep(0.01)
                while then is not None:
                    await stream.receive()  # the rest of the request, and then that the client has hung up
                await stream.send(b"0\r\n\r\n" if end else b"")
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                pass

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        port = listener.extra(SocketAttribute.local_port)
        yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()
