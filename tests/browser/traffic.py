"""What crosses a page's websocket, message by message, and the text that the hub's messages make of it."""

import json
import struct
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from playwright.sync_api import Page, WebSocket

from ..notebook.browser_model import BrowserModel


class Message(NamedTuple):
    """One message of the kernel, and its size on the wire in bytes."""

    kind: str
    sent: datetime
    wire: int
    content: dict[str, Any]

    @property
    def said(self) -> dict[str, Any] | None:
        """What the hub says in it; None when it is not the hub's."""
        data = self.content.get("data", {})
        if self.kind != "comm_msg" or data.get("method") != "custom":
            return None
        said: dict[str, Any] = data["content"]
        return said if said.keys() <= {"m", "d", "s", "x"} else None

    @property
    def size(self) -> int:
        """Bytes of what the hub says in it, without what Jupyter wraps it in, which is the same for every message."""
        return len(json.dumps(self.said, ensure_ascii=False, separators=(",", ":")).encode())


class Traffic:
    """Records from when it is made; `forget` starts anew."""

    def __init__(self, page: Page) -> None:
        self.messages: list[Message] = []
        self.browser = BrowserModel()
        self.texts: dict[str, str] = {}
        """The text of each stream when the hub said that it left."""
        page.on("websocket", self._listen)

    def forget(self) -> None:
        self.messages.clear()
        self.texts.clear()

    @property
    def hub(self) -> list[Message]:
        """The messages that the hub sent."""
        return [message for message in self.messages if message.said is not None]

    @property
    def seconds(self) -> float:
        """From the first message of the hub to the last, by the kernel's clock."""
        sent = [message.sent for message in self.hub]
        return (max(sent) - min(sent)).total_seconds()

    def _listen(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", self._take)

    def _take(self, frame: bytes | str) -> None:
        if isinstance(frame, str):
            return
        header, content = _parts(frame)
        message = Message(header["msg_type"], datetime.fromisoformat(header["date"]), len(frame), json.loads(content))
        self.messages.append(message)
        if (said := message.said) is not None:
            leaving = [sid for sid in said.get("x", []) if sid in self.browser.streams]
            self.texts |= {sid: self.browser.streams[sid]["t"] for sid in leaving}
            self.browser.receive(said)


def _parts(frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and content of a message in the protocol v1.kernel.websocket.jupyter.org."""
    (count,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    _channel, header, _parent, _metadata, content = (frame[start:end] for start, end in pairwise(offsets[:6]))
    return json.loads(header), content
