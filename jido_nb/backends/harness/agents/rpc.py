"""JSON-RPC in lines over standard input and output: what `codex app-server` and the Agent Client Protocol share.

Rule 1: every request of the agent gets an answer at once, if only that we don't know it: an agent that waits for one
        waits for ever.
Rule 2: an answer that is an error, or of a shape that nobody can read, ends the run.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ....llm.error import LLMError
from ..agent import Run
from ..decoder import BaseDecoder

METHOD_NOT_FOUND = -32601
_UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, IndexError)

Then = Callable[[Mapping[str, Any]], None]


class RpcDecoder(BaseDecoder):
    """A subclass needs `hello`, `noticed`, `asked` and `refused`."""

    version: str | None = None
    """`jsonrpc` of each message; None: the peer wants none."""
    first_id = 1

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._next_id = self.first_id
        self._waiting: dict[int, tuple[str, Then]] = {}
        self._outbox: list[bytes] = []

    def hello(self) -> None:
        """Say the first words."""
        raise NotImplementedError

    def noticed(self, method: str, params: Mapping[str, Any]) -> None:
        """The agent tells something."""
        raise NotImplementedError

    def asked(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to what the agent asks; None: it is not known."""
        raise NotImplementedError

    def refused(self, method: str, error: Mapping[str, Any]) -> None:
        """Our request was answered with an error: `code`, `message`, perhaps `data`."""
        raise NotImplementedError

    def opening(self) -> list[bytes]:
        self.hello()
        return self.replies()

    def replies(self) -> list[bytes]:
        out, self._outbox = self._outbox, []
        return out

    def request(self, method: str, params: Mapping[str, Any], then: Then) -> None:
        """Ask; `then` gets the result."""
        id, self._next_id = self._next_id, self._next_id + 1
        self._waiting[id] = (method, then)
        self._outbox.append(self.line(id=id, method=method, params=params))

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Tell, without an answer."""
        self._outbox.append(self.line(method=method, **({} if params is None else {"params": params})))

    def line(self, **message: Any) -> bytes:
        """One message as it is written: without half characters, and without what some readers end a line at."""
        kind = {"jsonrpc": self.version} if self.version else {}
        written = json.dumps({**kind, **message}, ensure_ascii=False)
        for separator in ("\x85", "\u2028", "\u2029"):
            written = written.replace(separator, f"\\u{ord(separator):04x}")
        return written.encode("utf-8", "replace") + b"\n"

    def read(self, record: Mapping[str, Any]) -> None:
        method = record.get("method")
        if isinstance(method, str):
            params = record.get("params") or {}
            if "id" in record:
                self._answer(record["id"], method, params)
            else:
                self.noticed(method, params)
        elif "id" in record:
            self._answered(record)
        else:
            super().unknown(record)

    def unknown(self, record: Mapping[str, Any]) -> None:
        """A message that is not known says nothing: it is counted by its method."""
        self._unknown[str(record.get("method") or record.get("type") or "no method")[:80]] += 1
        self.alive()

    def _answer(self, id: Any, method: str, params: Mapping[str, Any]) -> None:
        try:
            result = self.asked(method, params)
        except _UNREADABLE:
            result = None
        if result is None:
            error = {"code": METHOD_NOT_FOUND, "message": f"{method} is not supported"}
            self._outbox.append(self.line(id=id, error=error))
            self.unknown({"method": method})
        else:
            self._outbox.append(self.line(id=id, result=result))
            self.alive()

    def _answered(self, record: Mapping[str, Any]) -> None:
        method, then = self._waiting.pop(record["id"], ("", None))
        if then is None:
            self.alive()
        elif "error" in record:
            error = record["error"]
            self.refused(method, error if isinstance(error, Mapping) else {"message": str(error)})
        else:
            try:
                then(record["result"])
            except _UNREADABLE:
                self.failed(LLMError.of("provider", f"the agent answered {method!r} with what nobody can read"))
