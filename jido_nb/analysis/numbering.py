"""Which turn an effect belongs to: turns are the messages of a conversation, counted from 1."""

from collections.abc import Iterator

from ..core.catalogue import MESSAGE_RECEIVED
from ..core.projections.turn import LLM_EFFECT_ID
from .source import OpenSource


def turn_numbers(found: OpenSource) -> dict[tuple[str, str], int]:
    """The turn of each effect that answers a message, by conversation and effect id."""
    counts: dict[str, int] = {}
    numbers: dict[tuple[str, str], int] = {}
    for subject, id in _messages(found):
        counts[subject] = number = counts.get(subject, 0) + 1
        numbers[subject, LLM_EFFECT_ID + id] = number
    return numbers


def _messages(found: OpenSource) -> Iterator[tuple[str, str]]:
    pages = found.read_columns(("subject", "id"), MESSAGE_RECEIVED)
    if pages is None:
        yield from ((signal.subject, signal.id) for _, signal in found.read(MESSAGE_RECEIVED))
    else:
        yield from ((subject, id) for page in pages for subject, id, _ in page)
