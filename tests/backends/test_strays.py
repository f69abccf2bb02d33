"""Generators that an SDK drops are closed when its stream is left, and nobody else's are touched."""

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jido_nb.backends.jido_ai.strays import Strays

pytestmark = pytest.mark.anyio


class Numbers:
    """Counts, and says when it was closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    async def count(self, name: str) -> AsyncGenerator[int, None]:
        try:
            for number in range(3):
                await checkpoint()
                yield number
        finally:
            await checkpoint()
            self.closed.append(name)

    async def outer(self) -> AsyncGenerator[int, None]:
        try:
            async for number in self.count("inner"):
                yield number
        finally:
            self.closed.append("outer")


async def first_of(numbers: AsyncGenerator[int, None]) -> int:
    async for number in numbers:
        return number
    raise AssertionError


async def test_what_was_dropped_is_closed_when_the_block_is_left_from_the_outermost_to_the_innermost() -> None:
    numbers = Numbers()
    async with Strays() as strays:
        assert await strays.watched(first_of(numbers.outer())) == 0
        assert numbers.closed == []
    assert numbers.closed == ["outer", "inner"]


async def test_what_somebody_still_holds_is_left_alone() -> None:
    numbers = Numbers()
    async with aclosing(numbers.count("kept")) as kept:
        async with Strays() as strays:
            assert await strays.watched(first_of(kept)) == 0
        assert numbers.closed == []
        assert await anext(kept) == 1


async def test_whoever_runs_meanwhile_has_the_hooks_of_the_loop() -> None:
    before, waits, go_on = sys.get_asyncgen_hooks(), anyio.Event(), anyio.Event()
    during = []

    async def wait() -> None:
        await strays.watched(waiting())

    async def waiting() -> None:
        during.append(sys.get_asyncgen_hooks())
        waits.set()
        await go_on.wait()

    async with Strays() as strays, anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await waits.wait()
        assert sys.get_asyncgen_hooks() == before != during[0]
        go_on.set()
    assert sys.get_asyncgen_hooks() == before


async def test_what_is_watched_may_fail_or_be_canceled() -> None:
    numbers = Numbers()

    async def fails() -> None:
        await first_of(numbers.count("before it failed"))
        raise ZeroDivisionError

    async def hangs() -> None:
        await first_of(numbers.count("before it was canceled"))
        await anyio.sleep_forever()

    async with Strays() as strays:
        with pytest.raises(ZeroDivisionError):
            await strays.watched(fails())
        with anyio.move_on_after(0.01) as scope:
            await strays.watched(hangs())
        assert scope.cancelled_caught
    assert numbers.closed == ["before it failed", "before it was canceled"]
