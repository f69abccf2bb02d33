"""A server that costs next to nothing: every stream gets the same bytes at the same tick.

The simulator plays each stream on its own and could not feed two hundred of them on a machine that also has to read
them. Speaks as much of Anthropic's protocol as the SDK needs.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TICK_S = 0.02
WORD = "word "


@contextmanager
def steady_server(chunks: int) -> Iterator[str]:
    """Its URL; each request is answered with so many chunks, fifty a second."""
    process = subprocess.Popen([sys.executable, __file__, str(chunks)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _event(type: str, **data: Any) -> bytes:
    text = f"event: {type}\ndata: {json.dumps({'type': type, **data})}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(text), text)


_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "steady", "content": [], "stop_reason": None}
_BEGIN = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + _event("message_start", message={**_MESSAGE, "usage": {"input_tokens": 1, "output_tokens": 1}})
    + _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
)
_CHUNK = _event("content_block_delta", index=0, delta={"type": "text_delta", "text": WORD})
_END = (
    _event("content_block_stop", index=0)
    + _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    + _event("message_stop")
    + b"0\r\n\r\n"
)


async def _serve(chunks: int) -> None:
    streams: dict[asyncio.StreamWriter, int] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                writer.write(_BEGIN)
                streams[writer] = chunks
        except (asyncio.IncompleteReadError, ConnectionError):
            streams.pop(writer, None)
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due += TICK_S
        await asyncio.sleep(max(0, due - loop.time()))
        for writer, left in list(streams.items()):
            writer.write(_CHUNK if left else _END)
            if left:
                streams[writer] = left - 1
            else:
                del streams[writer]


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
