"""Tool calls put together from their pieces, whatever the server leaves out. Pure.

A piece belongs to the call with its `index`. Some servers give every call the index 0, or none: there a new id begins a
new call, and a piece without one goes on with the last.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...llm.result import ToolCall
from .decoder import parsed_arguments


class _Open:
    """A call that may still grow."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.name = ""
        self.pieces: list[str] = []
        self.told = False

    def call(self) -> ToolCall:
        text = "".join(self.pieces)
        return ToolCall(id=self.id, name=self.name, arguments=parsed_arguments(text) if text else {})


class Calls:
    """The calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self.closed: list[ToolCall] = []
        """All calls, whole; empty until `close`."""
        self._calls: list[_Open] = []
        self._at: dict[Any, _Open] = {}

    def add(self, piece: Mapping[str, Any]) -> tuple[ToolCall | None, int]:
        """Take one piece.

        Returns the call, still without arguments, when this is the first piece that names it; and how many characters
        of arguments it brought.
        """
        found = self._place(piece)
        function = piece.get("function") or {}
        found.name = found.name or function.get("name") or ""
        arguments = function.get("arguments") or ""
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        if text:
            found.pieces.append(text)
        if found.told or not found.name:
            return None, len(text)
        found.told = True
        return ToolCall(id=found.id, name=found.name), len(text)

    def close(self) -> list[ToolCall]:
        """All calls, now whole. A second time: none."""
        if self.closed:
            return []
        self.closed = [one.call() for one in self._calls]
        return self.closed

    def _place(self, piece: Mapping[str, Any]) -> _Open:
        index, id = piece.get("index"), piece.get("id")
        found = self._at.get(index)
        if found is None or (id and id != found.id):
            found = _Open(id or f"call_{len(self._calls)}")
            self._calls.append(found)
            self._at[index] = found
        return found
