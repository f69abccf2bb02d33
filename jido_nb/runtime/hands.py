"""Threads that work for a loop: what waits for a disk is handed to them, and the loop goes on.

`anyio.to_thread` serves everybody and costs three times as much, which a turn would pay for ten times.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled, current_token

CLOSE_LIMIT_S: Final = 1.0
"""How long closing waits for a thread, which has nothing left to do."""

T = TypeVar("T")
Soon = Callable[[Callable[[], object]], object]


class _Job(Generic[T]):
    __slots__ = ("_error", "_result", "_soon", "_work", "done")

    def __init__(self, work: Callable[[], T], soon: Soon) -> None:
        self.done = anyio.Event()
        self._work, self._soon = work, soon
        self._result: list[T] = []
        self._error: BaseException | None = None

    def do(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error
        with suppress(RuntimeError):  # the loop is gone, and whoever waited with it
            self._soon(self.done.set)

    def result(self) -> T:
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._result[0]
        finally:
            del error  # which holds this frame, and would wait with it for the garbage collector


class Hands:
    """At most `count` threads, begun when there is work for them. Belongs to one loop, but for `close`."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._name, self._count = name, count
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._at_work = 0
        self._soon: Soon | None = None

    async def __call__(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises. A cancellation is heeded before it; then its end is waited for."""
        await checkpoint_if_cancelled()
        if self._soon is None:
            self._soon = _soon()
        job = _Job(work, self._soon)
        self._jobs.put(job)
        self._at_work += 1
        if len(self._threads) < min(self._at_work, self._count):
            self._threads.append(Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True))
            self._threads[-1].start()
        try:
            with anyio.CancelScope(shield=True):
                await job.done.wait()
        finally:
            self._at_work -= 1
        return job.result()

    def close(self) -> None:
        """End the threads, when nobody waits for them any more."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join(CLOSE_LIMIT_S)


def _work(jobs: SimpleQueue[_Job[Any] | None]) -> None:
    while (job := jobs.get()) is not None:
        job.do()
        del job  # or it would be kept until the next one comes


def _soon() -> Soon:
    """How another thread makes this loop call something."""
    loop: Any = current_token().native_token
    soon: Soon = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
    return soon
