"""Reads the journal beside the loop, in few threads.

Every thread that reads holds a connection with its cache, and whatever the allocator keeps back for that thread, so
that a hundred conversations that wake at once must not be given a hundred threads. They would not be any quicker.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from ..journal.protocol import Journal

READERS: Final = 4
"""Threads that read at once. A SQL journal keeps as many connections for its next reads."""

T = TypeVar("T")


class Reading:
    """What one runtime itself has to look up in its journal. What users ask for, and may be long, goes its own way."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._limiter = CapacityLimiter(READERS)

    async def __call__(self, read: Callable[[], T]) -> T:
        """What `read` gives, which may wait for a disk."""
        return await to_thread.run_sync(read, limiter=self._limiter) if self.journal.blocking else read()
