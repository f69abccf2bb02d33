"""What conversations have spent so far, read from the journal.

Each reading goes on where the one before it ended, so a long conversation is read once.
"""

from collections import OrderedDict
from functools import partial

from ..core.budget import Spent
from ..core.projections.spending import SPENDING_TYPES, Spending
from .ingest import Ingest

MAX_KNOWN = 1000
"""Conversations whose totals are remembered; others are read again."""


class Spendings:
    """Of all conversations of one journal."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._known: OrderedDict[str, Spending] = OrderedDict()

    async def of(self, conversation_id: str) -> Spent:
        """What the generations of a conversation have spent that are over or being retried."""
        await self._ingest.flush()
        spending = self._known.setdefault(conversation_id, Spending())
        self._known.move_to_end(conversation_id)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        await self._ingest.reading(partial(self._read, conversation_id, spending))
        return spending.spent

    def _read(self, conversation_id: str, spending: Spending) -> None:
        journal = self._ingest.journal
        for recorded in journal.read(types=SPENDING_TYPES, subject=conversation_id, after_seq=spending.seq):
            spending.apply(recorded)
