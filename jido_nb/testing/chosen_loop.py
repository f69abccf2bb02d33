"""An asyncio loop whose order and time are chosen: every run with the same seed takes the same course.

What is ready at the same time runs in a drawn order, and some of it is held back for a while, as on a busy machine.
Time is the loop's own and stands still while anything can run; when nothing can, it jumps to the next timer. So a
schedule of minutes takes milliseconds, and whatever goes wrong in one can be seen again.

For code that waits for nothing but its own loop: threads, sockets and processes keep their own time.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

import anyio

TICK_S = 1e-6

T = TypeVar("T")


class ChosenLoop(asyncio.SelectorEventLoop):
    """Runs callbacks in an order that `random` draws, by a clock that begins at 0."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._now = 0.0
        self._held: list[Any] = []
        super().__init__()

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        # asyncio offers no way to choose: this is the one step of its loop, and the two queues that it takes from.
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]
        # One at a time: a thread may put something in meanwhile.
        waiting = [*self._held, *(ready.popleft() for _ in range(len(ready)))]
        if len(waiting) > 1:
            self._random.shuffle(waiting)
            kept = self._random.randrange(1, len(waiting) + 1)
            waiting, self._held = waiting[:kept], waiting[kept:]
        else:
            self._held = []
        ready.extend(waiting)
        if not ready and timers:
            # Never by less than a tick: a wait that is lost in rounding would go on for ever.
            self._now = max(self._now + TICK_S, timers[0].when())
        super()._run_once()  # type: ignore[misc]
        if self._held and not ready:
            ready.append(self._held.pop())


class LoopClock:
    """The time of the loop that runs, for `open_runtime(clock=...)` and `ScriptedBackend`."""

    now = staticmethod(anyio.current_time)
    sleep = staticmethod(anyio.sleep)


def run_chosen(main: Callable[..., Awaitable[T]], *args: Any, seed: int) -> T:
    """The result of `main(*args)`, run in the order that `seed` gives."""
    random = Random(seed)  # noqa: S311
    return anyio.run(main, *args, backend_options={"loop_factory": lambda: ChosenLoop(random)})
