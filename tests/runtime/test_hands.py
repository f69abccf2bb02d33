"""Threads that work for a loop."""

import gc
import threading
import weakref
from contextlib import closing, suppress

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jido_nb.runtime.hands import Hands

pytestmark = pytest.mark.anyio

NAME = "jido test hand"
LIMIT_S = 30


def alive():
    return [thread for thread in threading.enumerate() if thread.name == NAME]


async def until(condition):
    with anyio.fail_after(LIMIT_S):
        while not condition():
            await checkpoint()


async def test_what_the_work_gives_comes_back_and_so_does_what_it_raises():
    with closing(Hands(NAME)) as hands:
        assert await hands(lambda: threading.current_thread().name) == NAME
        for error in (ValueError("no"), KeyboardInterrupt()):

            def fails(error=error):
                raise error

            with pytest.raises(type(error)) as caught:
                await hands(fails)
            assert caught.value is error
        assert await hands(lambda: None) is None


@pytest.mark.parametrize("count", [1, 3])
async def test_there_are_no_more_threads_than_were_asked_for_and_none_before_they_are_needed(count):
    go, begun = threading.Event(), []
    with closing(Hands(NAME, count)) as hands:
        assert alive() == []

        def work():
            begun.append(threading.current_thread())
            go.wait(LIMIT_S)

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(hands, work)
            await until(lambda: len(begun) == count)
            assert len(alive()) == count
            go.set()
        assert len(begun) == 5
        assert set(begun) == set(alive())


async def test_one_thread_is_enough_for_who_asks_one_after_the_other():
    with closing(Hands(NAME, 4)) as hands:
        assert len({await hands(threading.get_ident) for _ in range(20)}) == 1


async def test_whoever_is_canceled_waits_for_the_end_of_the_work_and_begins_none():
    go, ended = threading.Event(), []
    with closing(Hands(NAME)) as hands:
        begun = threading.Event()

        def work():
            begun.set()
            go.wait(LIMIT_S)
            ended.append("work")

        async def asks():
            await hands(work)
            ended.append("told")
            await hands(lambda: ended.append("never"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asks)
            await until(begun.is_set)
            tasks.cancel_scope.cancel()
            assert ended == []
            go.set()
        assert ended == ["work", "told"]


async def test_closing_ends_the_threads_and_who_asks_after_it_is_served():
    hands = Hands(NAME, 2)
    assert await hands(lambda: 1) == 1
    hands.close()
    assert alive() == []
    hands.close()
    assert await hands(lambda: 2) == 2
    hands.close()
    assert alive() == []


class Thing:
    """What a weak reference can point to."""


@pytest.mark.parametrize("ending", ["gives", "raises"])
async def test_nothing_of_the_work_is_left_to_the_garbage_collector(ending):
    with closing(Hands(NAME)) as hands:

        async def ask():
            thing = Thing()

            def work():
                if ending == "raises":
                    raise ValueError(thing)
                return thing

            with suppress(ValueError):
                await hands(work)
            return weakref.ref(thing)

        gc.collect()
        gc.disable()
        try:
            left = await ask()
            await until(lambda: left() is None)
        finally:
            gc.enable()
