"""Puts in order what a crash left behind.

What was durable but not applied is applied now; it starts no effects. Then every effect that has no end gets one, or
goes on (`wreckage.py` says which).
"""

from collections.abc import Awaitable, Callable

from ..core.signal import Recorded
from ..journal.commit_points import reached
from .effects import Effects
from .ids import now_us
from .ingest import Ingest
from .wreckage import Wreck


async def put_in_order(
    wreck: Wreck,
    ingest: Ingest,
    effects: Effects,
    route: Callable[[Recorded], None],
    idle: Callable[[], Awaitable[None]],
) -> int:
    """Do what `wreck` asks for; how many effects it concerned. Those that are driven again run when this returns."""
    reached("recovery.read")
    effects.accepting = not wreck
    for recorded in wreck.unapplied:
        ingest.backlog[recorded.signal.subject] += 1
        route(recorded)
    for cut, lifecycle, facts in wreck.lost:
        attribution = await effects.attribution(cut.request) if cut.request is not None and not cut.log else {}
        ingest.put(cut.ending(lifecycle, now_us(), facts, attribution))
    if wreck:
        await idle()
    reached("recovery.applied")
    effects.accepting = True
    for request, resumption in wreck.resumed:
        effects.start(request, resumption)
    return len(wreck.lost) + len(wreck.resumed)
