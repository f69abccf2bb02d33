"""A turn, live: one message and the answer to it, as it happens."""

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import anyio

from ..core.projections.turn import TurnEvent, TurnView
from ..core.signal import Recorded
from ..errors import ClosedError
from ..journal.codec import LazyData
from ..llm.error import GenerationCanceled, GenerationFailed, LLMError
from ..llm.result import LLMResult
from ..llm.usage import Cost, Usage
from .logs import logger_of

if TYPE_CHECKING:
    from .conversation import Conversation

logger = logger_of(__name__)

Watcher = Callable[[TurnView, list[TurnEvent]], None]


def _nothing() -> None:
    pass


class _Reader:
    """One reader's place in a turn. No generator, so that whoever stops reading half-way leaves nothing to clean up."""

    __slots__ = ("_index", "_turn")

    def __init__(self, turn: "Turn") -> None:
        self._turn = turn
        self._index = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TurnEvent:
        event = await self._turn.event(self._index)
        if event is None:
            raise StopAsyncIteration
        self._index += 1
        return event


class Turn:
    """One answer on its way. Iterate over it, await it, cancel it; any number of readers may do so at once.

    It lives on the runtime's loop; `lab.LabTurn` is its synchronous face.
    """

    def __init__(self, conversation: "Conversation", effect_id: str, prompt: str) -> None:
        self.conversation = conversation
        self.effect_id = effect_id
        self.view = TurnView(effect_id=effect_id, conversation_id=conversation.id, prompt=prompt)
        self._events: list[TurnEvent] = []
        self._changed = anyio.Event()
        self._settled = anyio.Event()
        self._watchers: list[Watcher] = []
        self._ended_by: str | None = None
        self._seq = 0
        self._unsubscribe = _nothing

    @property
    def conversation_id(self) -> str:
        return self.conversation.id

    @property
    def status(self) -> str:
        """`queued`, `running`, `completed`, `failed` or `canceled`."""
        return self.view.status

    @property
    def text(self) -> str:
        """The answer so far; of the last attempt only."""
        return self.view.text

    @property
    def thinking(self) -> str:
        return self.view.thinking

    @property
    def attempts(self) -> int:
        """How many attempts were begun; 0 while it is queued, and if it never began."""
        return 0 if self.view.attempt_started_us is None else self.view.attempt

    @property
    def usage(self) -> Usage | None:
        usage = self.view.usage
        return None if usage is None else Usage.from_payload(usage)

    @property
    def cost(self) -> Cost | None:
        cost = self.view.cost
        return None if cost is None else Cost.from_payload(cost)

    @property
    def done(self) -> bool:
        """Whether everything about the turn is durable, its outputs and markers included."""
        return self._settled.is_set()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher(view, events)` on the runtime's loop after each change; returns the end of it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def __aiter__(self) -> AsyncIterator[TurnEvent]:
        """Every event from the first, then those to come, until the terminal one. Raises nothing for a failed turn."""
        return _Reader(self)

    async def event(self, index: int) -> TurnEvent | None:
        """The event at that place, counted from 0, when it has come; None: the turn ended before it."""
        while index >= len(self._events):
            if self.view.done or self._settled.is_set():
                return None
            await self._changed.wait()
        return self._events[index]

    def __await__(self) -> Generator[Any, None, LLMResult]:
        return self.result().__await__()

    async def result(self) -> LLMResult:
        """The answer, when all about it is durable.

        Raises:
            GenerationFailed: with `.error`, `.attempts` and `.partial_text`.
            GenerationCanceled: with `.reason` and `.partial_text`.
            JournalError: the journal stopped, and how the turn ended could not be written.
        """
        await self.wait()
        return self.outcome()

    def outcome(self) -> LLMResult:
        """The answer of a turn that is `done`; raises as `result` does."""
        view = self.view
        if view.status == "completed" and view.result is not None:
            return LLMResult.from_payload(dict(view.result))
        if view.status == "canceled":
            raise GenerationCanceled(view.reason or "canceled", view.text)
        if view.error is not None:
            raise GenerationFailed(LLMError.from_payload(view.error), self.attempts, view.text)
        raise self.conversation.runtime.failure or GenerationCanceled("runtime_closed", view.text)

    async def wait(self) -> None:
        """Return when the turn has ended, however it ended, and all about it is durable."""
        await self._settled.wait()

    async def cancel(self, reason: str = "user_cancel", *, requested_by: str | None = None) -> bool:
        """End the answer; the text so far stays. True if it was this call that ended it. Returns when it has ended."""
        if self.view.done:
            return False
        wish: str | None = None
        # A runtime that closes ends the answer itself.
        with suppress(ClosedError):
            wish = await self.conversation.request_cancel(reason, effect_id=self.effect_id, requested_by=requested_by)
        await self.wait()
        return self.view.status == "canceled" and wish is not None and self._ended_by == wish

    def __repr__(self) -> str:
        view = self.view
        model = f"{view.provider}:{view.model}" if view.provider and view.model else view.model or "?"
        return f"<Turn {view.status} {model} attempt {view.attempt} {len(view.text)} characters>"

    def subscribed(self, unsubscribe: Callable[[], None]) -> None:
        """Keep the way to stop listening; used once everything has been told."""
        self._unsubscribe = unsubscribe

    def apply(self, recorded: Recorded) -> None:
        """Take a signal of the conversation in. One that was taken in before changes nothing: what the journal
        already tells may still be on its way to the bus.
        """
        if recorded.seq <= self._seq:
            return
        self._seq = recorded.seq
        signal = recorded.signal
        # A payload is kept as it is stored: decoded, it is as many objects as the chunks it tells of.
        payload = LazyData(signal.body)
        events = [TurnEvent(event.kind, event.text, event.attempt, payload) for event in self.view.apply(signal)]
        if not events:
            return
        self._events += events
        if self.view.done:
            self._ended_by = signal.cause_id
            self._stop_listening()
        self._tell(events)

    def settle(self) -> None:
        """All about the turn is durable, or the runtime is gone: nothing more will come."""
        self._stop_listening()
        self._settled.set()
        self._tell([])

    def _stop_listening(self) -> None:
        # Let go of, because the way to stop listening leads back here.
        unsubscribe, self._unsubscribe = self._unsubscribe, _nothing
        unsubscribe()

    def _tell(self, events: list[TurnEvent]) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
        for watcher in tuple(self._watchers):
            try:
                watcher(self.view, events)
            except Exception:
                logger.exception("a watcher of %s raised", self.effect_id)
