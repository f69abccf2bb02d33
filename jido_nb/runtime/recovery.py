"""Puts in order what processes that are gone left behind: of the whole journal when it is opened, and of a conversation
that is taken later.

What was durable but not applied is applied now; it starts no effects. Then every effect that has no end gets one, or
goes on (`wreckage.py` says which).
"""

import operator
from collections.abc import Awaitable, Callable
from functools import partial

from anyio import to_thread

from ..core.signal import Recorded
from ..journal.commit_points import reached
from .effects import Effects
from .ids import now_us
from .ingest import Ingest
from .owners import Owners
from .wreckage import Wreck, wreck_of


class Recovery:
    """What one runtime has to mend; `count` says how many effects it concerned."""

    def __init__(self, owners: Owners, ingest: Ingest, effects: Effects, route: Callable[[Recorded], None]) -> None:
        self.count = 0
        self._owners = owners
        self._ingest = ingest
        self._effects = effects
        self._route = route

    async def find(self) -> Wreck:
        """What is to be done in the conversations that nobody else holds; they are this runtime's from now on."""
        return await self._in_thread(self._find)

    def _find(self) -> Wreck:
        journal = self._ingest.journal
        torn = {recorded.signal.subject for recorded in (*journal.unapplied(), *journal.unfinished_effects())}
        mine = {subject for subject in torn if self._owners.take(subject) is None}
        if not mine:
            return Wreck([], [], [])
        # Read again now that they are held: whoever held them may have put them in order meanwhile.
        return wreck_of(journal, self._effects.policy_of, now_us(), mine.__contains__)

    async def mend(self, subject: str) -> None:
        """Put one conversation in order, which is this runtime's."""
        mine = partial(operator.eq, subject)
        wreck = await self._in_thread(lambda: wreck_of(self._ingest.journal, self._effects.policy_of, now_us(), mine))
        await self.put_in_order(wreck, partial(self._ingest.wait_applied, subject))

    async def put_in_order(self, wreck: Wreck, applied: Callable[[], Awaitable[None]]) -> None:
        """Do what `wreck` asks for. Effects that are driven again run when this returns.

        `applied` returns when what was put is applied.
        """
        reached("recovery.read")
        for recorded in wreck.unapplied:
            self._ingest.backlog[recorded.signal.subject] += 1
            self._route(recorded)
        for cut, lifecycle, facts in wreck.lost:
            attribution = (
                await self._effects.attribution(cut.request) if cut.request is not None and not cut.log else {}
            )
            self._ingest.put(cut.ending(lifecycle, now_us(), facts, attribution))
        if wreck:
            await applied()
        reached("recovery.applied")
        for request, resumption in wreck.resumed:
            self._effects.start(request, resumption)
        self.count += len(wreck.lost) + len(wreck.resumed)

    async def _in_thread(self, read: Callable[[], Wreck]) -> Wreck:
        return await to_thread.run_sync(read) if self._ingest.journal.blocking else read()
