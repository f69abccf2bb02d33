"""A clock that moves when the test says so."""

import heapq
from itertools import count

import anyio
from anyio.lowlevel import checkpoint

SETTLE_STEPS = 50


class ManualClock:
    """Monotonic seconds from 0; implements `runtime.clock.Clock`.

    `advance` wakes sleepers in the order of their times and lets the woken tasks run before it goes on, so a test
    that takes a minute of this clock takes none of ours.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._tickets = count()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved this far. Zero or less is one checkpoint."""
        if seconds <= 0:
            await checkpoint()
            return
        event = anyio.Event()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._tickets), event))
        await event.wait()

    async def advance(self, seconds: float, *, settle_steps: int = SETTLE_STEPS) -> None:
        """Move on by `seconds`, waking on the way whoever is due.

        Args:
            settle_steps: How many steps the others get after each waking; few leave them in the middle of things.
        """
        end = self._now + seconds
        await settle(settle_steps)
        while self._sleepers and self._sleepers[0][0] <= end + 1e-9:
            due, _, event = heapq.heappop(self._sleepers)
            self._now = max(self._now, due)
            event.set()
            await settle(settle_steps)
        self._now = max(self._now, end)
        await settle(settle_steps)


async def settle(steps: int = SETTLE_STEPS) -> None:
    """Let every task that can run do so, `steps` times over."""
    for _ in range(steps):
        await checkpoint()
