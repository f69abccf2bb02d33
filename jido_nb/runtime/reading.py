"""Reads the journal beside the loop, in few threads.

Every thread that reads holds a connection with its cache, and whatever the allocator keeps back for that thread, so
that a hundred conversations that wake at once must not be given a hundred threads. They would not be any quicker.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from ..journal.protocol import Journal
from .hands import Hands

READERS: Final = 4
"""Threads that read at once. A SQL journal keeps as many connections for its next reads."""

T = TypeVar("T")


class Reading:
    """What one runtime itself has to look up in its journal. What users ask for, and may be long, goes its own way."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._hands = Hands("jido journal reader", READERS)

    async def __call__(self, read: Callable[[], T]) -> T:
        """What `read` gives, which may wait for a disk."""
        return await self._hands(read) if self.journal.blocking else read()

    def close(self) -> None:
        """End its threads, when nobody reads any more."""
        self._hands.close()
