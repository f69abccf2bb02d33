"""From a cell or a script to an event loop of its own, and back with what it finds as it finds it.

A cell runs inside the kernel's loop, so another one must have its own thread. Whoever waits here can be interrupted;
the work is then canceled, and what it had opened is closed before the interrupt goes on.
"""

from collections.abc import Awaitable, Callable, Generator
from queue import SimpleQueue
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")

Put = Callable[[T], None]


def results_of(work: Callable[[Put[T]], Awaitable[None]]) -> Generator[T, None, None]:
    """What `work` puts, one by one, from a loop on another thread; ends with it, and raises what it raises."""
    found: SimpleQueue[T | None] = SimpleQueue()
    with start_blocking_portal("asyncio", name="jido-experiment") as portal:
        future = portal.start_task_soon(work, found.put)
        future.add_done_callback(lambda _: found.put(None))
        try:
            while (each := found.get()) is not None:
                yield each
            future.result()
        finally:
            future.cancel()
