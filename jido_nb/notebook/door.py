"""The one door between synchronous cells and the runtime's own thread.

The runtime lives on a daemon thread with its own event loop, so that streams go on while cells compute. Whoever waits
at the door waits interruptibly: the kernel's interrupt ends the wait, whatever else runs in the cell.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal

from ..errors import ClosedError

logger = logging.getLogger(__name__)

CLOSE_LIMIT_S = 20.0
"""How long closing waits: as long as a runtime takes at most, and some more for a busy machine."""

T = TypeVar("T")


class Door:
    """A thread with an event loop, and one thing that is open on it."""

    def __init__(self, opening: AbstractAsyncContextManager[Any]) -> None:
        self._pid = os.getpid()
        self._closed = False
        self._thread, self._portal = _start_thread()
        self._thread_id = self._thread.ident
        try:
            self._leave = self._portal.call(anyio.Event)
            self._held, self.inside = self._portal.start_task(self._hold, opening)
        except BaseException:
            self._closed = True
            with suppress(RuntimeError):  # it has ended already
                self._portal.call(self._portal.stop, True)
            self._thread.join(CLOSE_LIMIT_S)
            raise

    @property
    def closed(self) -> bool:
        return self._closed

    def call(self, work: Callable[..., Coroutine[Any, Any, T]], *args: Any, timeout: float | None = None) -> T:
        """Run `work(*args)` on the runtime's loop and wait for it, at most `timeout` seconds.

        Raises:
            ClosedError: the Lab is closed, or this is a fork of its process.
            TimeoutError: it took longer; the work was canceled.
            KeyboardInterrupt: the wait was interrupted; the work was canceled.
        """
        if threading.get_ident() == self._thread_id:
            raise ClosedError("this call waits for the runtime's thread and must not be made on it; use the async API")
        future = self.start(work, *args)
        with interruptible():
            try:
                return future.result(timeout)
            except (KeyboardInterrupt, TimeoutError):
                future.cancel()
                raise

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """As `call`, for a plain function that must run on the runtime's loop."""

        async def answer() -> T:
            return question(*args)

        return self.call(answer)

    def start(self, work: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> Future[T]:
        """Start `work(*args)` on the runtime's loop from any thread; returns at once."""
        self._check()
        return self._portal.start_task_soon(work, *args)

    def close(self) -> None:
        """Close what is open and end the thread. Bounded in time and idempotent; nothing in a forked child.

        What does not let go in time is left to the thread, which ends with it, or with the process.
        """
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        self._portal.call(self._leave.set)
        wait([self._held], CLOSE_LIMIT_S)
        if not self._held.done():
            logger.error("closing goes on without being waited for: something that runs does not let go")
            return
        self._thread.join(CLOSE_LIMIT_S)
        self._held.result()

    async def _hold(self, opening: AbstractAsyncContextManager[Any], *, task_status: TaskStatus[Any]) -> None:
        try:
            async with opening as inside:
                task_status.started(inside)
                await self._leave.wait()
        finally:
            await self._portal.stop()

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("this Lab is closed; make a new one with jido_nb.Lab(...), or run %reload_ext jido_nb")
        if os.getpid() != self._pid:
            raise ClosedError(
                f"this Lab belongs to process {self._pid}, and this is a fork of it ({os.getpid()}); "
                "make a new Lab in the child, with a journal of its own"
            )


def _start_thread() -> tuple[threading.Thread, BlockingPortal]:
    """A thread with a loop. Our own, because anyio's is waited for until everything on it has ended."""
    ready: Future[BlockingPortal] = Future()

    async def live() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    thread = threading.Thread(target=anyio.run, args=(live,), name="jido-runtime", daemon=True)
    thread.start()
    return thread, ready.result()


@contextmanager
def interruptible() -> Iterator[None]:
    """Make the kernel's interrupt raise KeyboardInterrupt here.

    In a cell that contains an `await`, ipykernel has put a handler of its own in place that only cancels the task, and
    a cell that blocks would never hear of it.
    """
    on_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not on_main_thread or before in (signal.default_int_handler, signal.SIG_IGN, None):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, before)


def state() -> Any:
    """What outlives a reload of this package: the open Labs of the process, in a module of no file."""
    name = "_jido_nb_state"
    module = sys.modules.get(name)
    if module is None:
        module = type(sys)(name)
        module.__doc__ = "The open Labs of this process; kept here so that reloading jido_nb leaves none behind."
        module.labs = {}  # type: ignore[attr-defined]
        module.exit_hook = False  # type: ignore[attr-defined]
        sys.modules[name] = module
    return module
