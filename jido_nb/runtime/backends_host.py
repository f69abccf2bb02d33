"""Opens each backend when it is first needed, in a task of its own, and closes them all with the runtime."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
from anyio.abc import TaskGroup, TaskStatus

from ..llm.backend import Backend
from .logs import logger_of

logger = logger_of(__name__)

Open = Callable[[str], AbstractAsyncContextManager[Backend]]


class BackendsHost:
    """Keeps backends open. A backend's scopes live in its own task, so any task may ask for it."""

    def __init__(self, tasks: TaskGroup, open: Open) -> None:
        self._tasks = tasks
        self._open = open
        self._backends: dict[str, Backend] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._close = anyio.Event()
        self._closed: set[anyio.Event] = set()

    async def get(self, name: str) -> Backend:
        """The backend of this name. Raises ConfigError when there is none, and what opening it raises."""
        if name not in self._backends:
            lock = self._locks.setdefault(name, anyio.Lock())
            async with lock:
                if name not in self._backends:
                    opening = self._open(name)
                    backend: Backend = await self._tasks.start(
                        self._keep_open, name, opening, name=f"jido backend {name}"
                    )
                    return backend
        return self._backends[name]

    async def close(self) -> None:
        """Close all of them, one waiting for none; bounded by the caller's scope."""
        self._close.set()
        for closed in list(self._closed):
            await closed.wait()

    async def _keep_open(
        self, name: str, opening: AbstractAsyncContextManager[Backend], *, task_status: TaskStatus[Backend]
    ) -> None:
        closed = anyio.Event()
        self._closed.add(closed)
        opened = False
        try:
            async with opening as backend:
                opened = True
                self._backends[name] = backend
                task_status.started(backend)
                await self._close.wait()
        except Exception:
            if not opened:
                raise  # to whoever asked for it
            logger.exception("backend %s broke; it is opened again when it is next needed", name)
        finally:
            self._backends.pop(name, None)
            self._closed.discard(closed)
            closed.set()
