"""A turn as cells see it: readable from any thread, waited for interruptibly, awaitable, displayable."""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from ..core.projections.turn import TurnEvent, TurnView
from ..errors import ClosedError
from ..journal.protocol import Journal
from ..llm.result import LLMResult
from ..llm.usage import Cost, Usage
from ..runtime.turn import Turn, Watcher
from .door import Door, interruptible, state

T = TypeVar("T")

INTERRUPT = "interrupt"
CLEANUP_LIMIT_S = 2.0
"""How long an interrupted cell waits for the cancel to be written down."""

TICK_S = 0.05
"""An interrupt reaches an awaiting cell only when its loop wakes, so it wakes this often."""


class LabTurn:
    """One answer on its way, seen from outside the runtime's thread."""

    def __init__(self, door: Door, turn: Turn) -> None:
        self._door = door
        self._turn = turn

    @property
    def id(self) -> str:
        """The id of the effect that answers."""
        return self._turn.effect_id

    effect_id = id

    @property
    def conversation_id(self) -> str:
        return self._turn.conversation_id

    @property
    def journal(self) -> Journal:
        """The log that it is in."""
        return self._turn.conversation.journal

    @property
    def view(self) -> TurnView:
        """The turn as folded so far. One thread writes it; any may read."""
        return self._turn.view

    @property
    def status(self) -> str:
        """`queued`, `running`, `completed`, `failed` or `canceled`."""
        return self._turn.status

    @property
    def text(self) -> str:
        """The answer so far; of the last attempt only."""
        return self._turn.text

    @property
    def thinking(self) -> str:
        return self._turn.thinking

    @property
    def usage(self) -> Usage | None:
        return self._turn.usage

    @property
    def cost(self) -> Cost | None:
        """None while it runs, and where the price is not known."""
        return self._turn.cost

    @property
    def attempts(self) -> int:
        return self._turn.attempts

    @property
    def done(self) -> bool:
        """Whether it has ended and all about it is durable."""
        return self._turn.done

    def wait(self, timeout: float | None = None) -> "LabTurn":
        """Return when it has ended, however it ended. An interrupt cancels it and is raised on.

        Raises:
            TimeoutError: `timeout` seconds passed; the turn goes on.
            KeyboardInterrupt: the cell was interrupted; the turn is canceled.
        """
        try:
            if not self.done:
                self._door.call(self._turn.wait, timeout=timeout)
        except KeyboardInterrupt:
            self.cancel(INTERRUPT, requested_by=INTERRUPT)
            with suppress(TimeoutError, KeyboardInterrupt):
                self._door.call(self._turn.wait, timeout=CLEANUP_LIMIT_S)
            raise
        # What is shown of it has come to rest as well: whoever waits may save the notebook next, or end the kernel.
        if (hub := getattr(state(), "hub", None)) is not None:
            hub.wait_at_rest(self, CLEANUP_LIMIT_S)
        return self

    def result(self, timeout: float | None = None) -> LLMResult:
        """Wait as `wait` does and give the answer.

        Raises:
            GenerationFailed: with `.error`, `.attempts`, `.partial_text`.
            GenerationCanceled: with `.reason`, `.partial_text`.
            TimeoutError, KeyboardInterrupt: as `wait`.
        """
        self.wait(timeout)
        return self._turn.outcome()

    def cancel(self, reason: str = "user_cancel", requested_by: str | None = None) -> bool:
        """Ask for its end, from any thread; returns at once. False: there is nothing left to end."""
        if self._turn.view.done or self._door.closed:
            return False
        self._door.start(self._cancel, reason, requested_by)
        return True

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher(view, events)` on the runtime's thread after each change, and once with [] at the end.

        Returns the way to stop it, which may be called from any thread.
        """
        unwatch = self._turn.watch(watcher)
        if self._turn.done:
            self._door.start(self._tell_end, watcher)
        return unwatch

    def __iter__(self) -> Iterator[TurnEvent]:
        """Every event from the first to the terminal one, waiting for those to come. An interrupt cancels the turn."""
        events: queue.SimpleQueue[TurnEvent | None] = queue.SimpleQueue()
        reading = self._door.start(self._read, events.put)
        try:
            while (event := _interruptibly(events.get)) is not None:
                yield event
        except KeyboardInterrupt:
            self.cancel(INTERRUPT, requested_by=INTERRUPT)
            raise
        finally:
            reading.cancel()

    async def __aiter__(self) -> AsyncIterator[TurnEvent]:
        """As `__iter__`, on the cell's own loop."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
        reading = self._door.start(self._read, lambda event: loop.call_soon_threadsafe(events.put_nowait, event))
        try:
            while (event := await self._waking(events.get())) is not None:
                yield event
        finally:
            reading.cancel()

    def __await__(self) -> Generator[Any, None, LLMResult]:
        return self._result_on_this_loop().__await__()

    def _ipython_display_(self) -> None:
        from .presentation import show

        show(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """The turn as it stands, as text and as safe static HTML."""
        from .display import bundle

        return bundle(self.view)

    def __repr__(self) -> str:
        return repr(self._turn).replace("<Turn", "<LabTurn")

    async def _result_on_this_loop(self) -> LLMResult:
        if not self.done:
            await self._waking(asyncio.wrap_future(self._door.start(self._turn.wait)))
        return self._turn.outcome()

    async def _waking(self, awaitable: Any) -> Any:
        """Wait for `awaitable` on a loop that wakes often; being canceled cancels the turn."""
        future = asyncio.ensure_future(awaitable)
        try:
            while not future.done():
                await asyncio.wait({future}, timeout=TICK_S)
        except asyncio.CancelledError:
            future.cancel()
            self.cancel(INTERRUPT, requested_by=INTERRUPT)
            raise
        return future.result()

    async def _cancel(self, reason: str, requested_by: str | None) -> None:
        with suppress(ClosedError):
            await self._turn.cancel(reason, requested_by=requested_by)

    async def _tell_end(self, watcher: Watcher) -> None:
        watcher(self._turn.view, [])

    async def _read(self, put: Callable[[TurnEvent | None], object]) -> None:
        try:
            async for event in self._turn:
                put(event)
        finally:
            put(None)


def _interruptibly(wait: Callable[[], T]) -> T:
    with interruptible():
        return wait()
