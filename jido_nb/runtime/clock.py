"""The only source of time on this floor, so that tests can hold it still."""

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """Monotonic time in seconds, from any zero, and waiting by it."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's monotonic clock."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(anyio.sleep)


SYSTEM_CLOCK = SystemClock()
