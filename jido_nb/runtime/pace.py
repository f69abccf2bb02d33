"""How closely streams are followed: chunk by chunk while the loop has time, in gulps while it has none.

Two hundred streams of fifty chunks a second are ten thousand reads, and a read costs nearly the same for one chunk as
for ten. So a stream rests between reads while timers ring late, and what has come by then is read in one go.

Rule 1: while timers ring on time nobody rests, and every chunk has the time at which it came.
Rule 2: rests double while they ring late, up to `LONGEST_REST_S`, and melt away when they no longer do.
Rule 3: few timers say nothing: a single stream never rests, nor does one whose clock is held still or jumps.
"""

from typing import Final

from .clock import SYSTEM_CLOCK, Clock

LATE_S: Final = 0.005
SHORTEST_REST_S: Final = 0.03
LONGEST_REST_S: Final = 0.25
MELTS_BY: Final = 0.9
LOOK_EVERY_S: Final = 0.1
FEWEST: Final = 20
"""Timers that must have rung between two looks, as those of eight streams do."""
SHARE_OF_IDLE: Final = 0.25
AT_ONCE_S: Final = 0.001
"""What comes sooner than this was there already."""


class Pace:
    """Of one loop. Timers tell it how late they ring, and readers ask it how long to rest."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.rest_s = 0.0
        """How long a stream rests now; 0: not at all."""
        self.clock = clock
        self._looked_at = clock.now()
        self._rang = 0
        self._late_s = 0.0

    def rang(self, late_s: float) -> None:
        """A timer rang so much later than it should have."""
        self._rang += 1
        self._late_s += late_s
        now = self.clock.now()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        if self._rang >= FEWEST and self._late_s > LATE_S * self._rang:
            self.rest_s = min(max(2 * self.rest_s, SHORTEST_REST_S), LONGEST_REST_S)
        else:
            self.rest_s = MELTS_BY * self.rest_s if self.rest_s > SHORTEST_REST_S else 0.0
        self._looked_at, self._rang, self._late_s = now, 0, 0.0

    async def rest(self, asked_at: float, idle_ms: float | None = None) -> float:
        """Let more come, where the last chunk had to be waited for. Gives the time at which the next one is asked for.

        Args:
            asked_at: What the last call gave; 0 before the first.
            idle_ms: After so much silence the stream is given up, which a rest must not look like.
        """
        now = self.clock.now()
        if now - asked_at < AT_ONCE_S:
            return now
        rest_s = self.rest_s if idle_ms is None else min(self.rest_s, idle_ms / 1000 * SHARE_OF_IDLE)
        await self.clock.sleep(rest_s)
        rested = self.clock.now()
        self.rang(rested - now - rest_s)
        return rested
