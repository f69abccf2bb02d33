"""A turn in plain IPython: the answer is written as it comes, and nothing that a model wrote can steer the terminal."""

import sys
from typing import Protocol

from ..core.projections.turn import TurnEvent, TurnView
from ..errors import printable
from .facts import note, retry_line


class Writer(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class TerminalStory:
    """Writes the events of one turn; give it every event, in order."""

    def __init__(self, view: TurnView, out: Writer | None = None) -> None:
        self._view = view
        self._out: Writer = sys.stdout if out is None else out
        self._streamed = ""
        self._fresh_line = True

    def tell(self, event: TurnEvent) -> None:
        match event.kind:
            case "delta":
                self._streamed += event.text
                self._write(event.text)
            case "tool":
                tool = event.data
                self._line(f"[tool {tool.get('tool_name')}: {tool.get('tool_status')}]")
            case "retrying" if self._view.retries:
                self._streamed = ""
                self._line(f"[{retry_line(self._view.retries[-1])}]")
            case "completed" | "failed" | "canceled":
                self._end(event.text)

    def _end(self, text: str) -> None:
        if text.startswith(self._streamed):
            self._write(text[len(self._streamed) :])
        else:
            self._line(text)
        self._line("")
        if why := note(self._view):
            self._line(f"[{why}]")

    def _line(self, text: str) -> None:
        if not self._fresh_line:
            self._write("\n")
        if text:
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        if text:
            self._out.write(printable(text))
            self._out.flush()
            self._fresh_line = text.endswith("\n")
