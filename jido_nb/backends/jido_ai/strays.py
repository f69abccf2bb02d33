"""Async generators that somebody drops before they are at their end.

The vendors' SDKs break out of theirs when an answer is whole, breaks or is canceled. Python leaves such a generator to
the event loop, which closes it at a moment of its own, and trio complains of it. Here it is closed by whoever began the
stream, while the stream is left.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from types import coroutine
from typing import Any, Self, TypeVar

from anyio import move_on_after

from .http_provider import CLOSE_LIMIT_S

T = TypeVar("T")
Finalizer = Callable[[AsyncGenerator[Any, Any]], Any]


class Strays:
    """Catches the generators that begin in what is `watched` and are dropped unfinished, and closes them at the end."""

    def __init__(self) -> None:
        self._caught: list[AsyncGenerator[Any, Any]] = []
        self._closed = False

    @coroutine
    def watched(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """What `work` gives, or raises."""
        step: Callable[[Any], Any] = work.send
        value: Any = None
        while True:
            # A generator asks for this hook once, when it begins. It is the thread's, so it is ours only while we run.
            finalizer = sys.get_asyncgen_hooks().finalizer
            sys.set_asyncgen_hooks(finalizer=partial(self._dropped, finalizer))
            try:
                asked = step(value)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                sys.set_asyncgen_hooks(finalizer=finalizer)
            try:
                step, value = work.send, (yield asked)
            except BaseException as error:
                step, value = work.throw, error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with move_on_after(CLOSE_LIMIT_S, shield=True):
            while self._caught:
                with suppress(Exception):
                    await self._caught.pop(0).aclose()
        # What is dropped from now on is for the loop to close.
        self._closed = True

    def _dropped(self, finalizer: Finalizer | None, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._closed:
            self._caught.append(generator)
        elif finalizer is not None:
            finalizer(generator)
