"""The providers that are open: one of each name, and those before it that somebody is still at work with.

An API key may change between two requests. Whoever began with the old one goes on with it, and when the last of them
has left, its connections are closed. So what is open does not grow with the number of keys there ever were.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from .connection import Connection
from .providers import Provider


class Held:
    """An open provider. It stays open for as long as one is in the `with` block of it."""

    def __init__(self, wanted: Connection, provider: Provider, left: Callable[["Held"], None]) -> None:
        self.wanted = wanted
        self.provider = provider
        self.users = 0
        self._left = left

    def __enter__(self) -> Provider:
        self.users += 1
        return self.provider

    def __exit__(self, *_: object) -> None:
        self.users -= 1
        self._left(self)


class Pool:
    """Opens what is wanted with `connect`, and closes in `tasks` what nobody wants any more."""

    def __init__(self, tasks: TaskGroup, connect: Callable[[Connection], Awaitable[Provider]]) -> None:
        self._tasks = tasks
        self._connect = connect
        self._opening = anyio.Lock()
        self._current: dict[str, Held] = {}
        self._replaced: set[Held] = set()

    async def get(self, wanted: Connection) -> Held:
        """The provider of that connection, opened where it is not; to be entered before the next wait.

        Raises as `connect`; then the one before it stays.
        """
        held = self._current.get(wanted.name)
        if held is not None and held.wanted == wanted:
            return held
        async with self._opening:
            before = self._current.get(wanted.name)
            if before is not None and before.wanted == wanted:
                return before
            held = self._current[wanted.name] = Held(wanted, await self._connect(wanted), self._end_unused)
            if before is not None:
                self._replaced.add(before)
                self._end_unused(before)
            return held

    async def close(self) -> None:
        """Close all of them, in bounded time, whoever is at work with one."""
        everything = [*self._current.values(), *self._replaced]
        self._current.clear()
        self._replaced.clear()
        for held in everything:
            await _end(held.provider)

    def _end_unused(self, held: Held) -> None:
        if held in self._replaced and not held.users:
            self._replaced.remove(held)
            # Nobody who asks for something else, or is canceled, has to wait for that.
            self._tasks.start_soon(_end, held.provider)


async def _end(provider: Provider) -> None:
    with suppress(Exception):  # what it cannot close in order is gone all the same
        await provider.close()
