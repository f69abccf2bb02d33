"""The `reasoning_details` of OpenRouter, joined from their pieces, so that the next turn can send them back. Pure.

A piece belongs to the last detail with its type, index and id (openrouter.ai, "Preserving reasoning"). What is text in
it grows; what is not, such as the format, is as the last piece said. What stands without an index is whole.
"""

from collections.abc import Iterable, Mapping
from typing import Any

KIND = "reasoning_details"
"""Type of the block that keeps them among the other blocks of an answer."""
_GROWING = ("text", "summary", "data", "signature")


class ReasoningDetails:
    """The details of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []

    def add(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        for piece in pieces:
            detail = self._begun(piece)
            if detail is None:
                self._details.append(dict(piece))
                continue
            for name, value in piece.items():
                if name in _GROWING:
                    detail[name] = (detail.get(name) or "") + (value or "")
                elif value is not None:
                    detail[name] = value

    def block(self) -> list[dict[str, Any]]:
        """As a block to keep, in a list; empty when there are none."""
        return [{"type": KIND, KIND: self._details}] if self._details else []

    def _begun(self, piece: Mapping[str, Any]) -> dict[str, Any] | None:
        """The detail that the piece goes on with."""
        if piece.get("index") is None:
            return None
        return next((detail for detail in reversed(self._details) if _goes_on(detail, piece)), None)


def _goes_on(detail: Mapping[str, Any], piece: Mapping[str, Any]) -> bool:
    same = all(detail.get(name) == piece.get(name) for name in ("type", "index"))
    return same and (piece.get("id") is None or detail.get("id") in (None, piece["id"]))


def details_in(blocks: Iterable[Mapping[str, Any]]) -> list[Any]:
    """What `block` kept, of all blocks of an answer."""
    return [detail for block in blocks if block.get("type") == KIND for detail in block.get(KIND) or ()]
