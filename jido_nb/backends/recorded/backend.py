"""The backend `recorded`: stands before another backend, plays what a recording holds, and lets the rest through.

Attribution stays that of the original: to everybody else it is the backend that it stands for.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ...llm.backend import Backend, Capabilities
from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.fold import Fold
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from ...llm.secrets import scrub_value
from .call import REPLAYED, Call, Cancel
from .tape import Note, Tape

_ANY = Capabilities(sessions=True)
"""Of an original that may never be asked, nothing is ruled out."""

_PATIENCE = 1e6
"""Pace of a wait that a replayed cancel ends."""

_BREATH = 256
"""After so many events that were played at once, others get a turn."""


class RecordedBackend:
    """See `Backend`. What is played opens nothing: the original is asked for when a request is really made."""

    def __init__(self, name: str, original: Callable[[], Awaitable[Backend]], tape: Tape) -> None:
        self.name = name
        self._original = original
        self._opened: Backend | None = None
        self._tape = tape
        self._playing: dict[str, Call] = {}
        self._refs = count(1)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the original, once it is open."""
        return self._opened.capabilities if self._opened is not None else _ANY

    async def ready(self, provider: str | None) -> None:
        if self._tape.mode == "record":
            await (await self.open()).ready(provider)

    @asynccontextmanager
    async def stream(self, request: LLMRequest) -> AsyncIterator[AsyncIterator[LLMEvent]]:
        answer = self._tape.answer(request)
        if isinstance(answer, Note):
            async with self._made(request, answer) as events:
                yield events
            return
        ref = self._ref(answer)
        self._playing[ref] = answer
        try:
            async with aclosing(self._play(request, answer, ref)) as events:
                yield events
        finally:
            self._playing.pop(ref, None)

    async def start(self, request: LLMRequest) -> LLMResult:
        answer = self._tape.answer(request)
        if isinstance(answer, Note):
            return await (await self.open()).start(request)
        fold = Fold()
        async with aclosing(self._play(request, answer, self._ref(answer))) as events:
            async for event in events:
                fold.add(event)
        return fold.result()

    async def cancel(self, execution_ref: str) -> Mapping[str, Any] | None:
        """End a stream. What was canceled when it was recorded ends as it did then, and says that it was replayed."""
        if (call := self._playing.get(execution_ref)) is None:
            return await (await self.open()).cancel(execution_ref)
        told = call.ending.told if isinstance(call.ending, Cancel) else {}
        if told.get("backend_cancel") == "failed":
            raise LLMError(
                told.get("backend_cancel_category", "unknown"),
                str(told.get("backend_cancel_reason") or ""),
                retryable=bool(told.get("backend_cancel_retryable")),
            )
        return {**(told.get("backend_cancel_details") or {}), REPLAYED: True}

    async def open(self) -> Backend:
        """The original, open. Raises what opening it raises."""
        if self._opened is None:
            self._opened = await self._original()
        return self._opened

    @asynccontextmanager
    async def _made(self, request: LLMRequest, note: Note) -> AsyncIterator[AsyncIterator[LLMEvent]]:
        original = await self.open()
        if not original.capabilities.streaming:
            async with aclosing(_whole(original, request)) as whole:
                yield whole
            return
        async with original.stream(request) as events, aclosing(_noted(events, note)) as noted:
            yield noted

    def _ref(self, call: Call) -> str:
        """The recorded name of the stream, unless that one is being played just now."""
        ref = call.execution_ref or "recorded"
        return ref if ref not in self._playing else f"{ref}-{next(self._refs)}"

    async def _play(self, request: LLMRequest, call: Call, ref: str) -> AsyncGenerator[LLMEvent, None]:
        began = anyio.current_time()
        canceled = isinstance(call.ending, Cancel)
        for number, (at_ms, event) in enumerate(call.events):
            if self._tape.timing:
                await self._until(began, at_ms)
            elif not canceled and number % _BREATH == _BREATH - 1:
                # Never in one that was canceled: whoever cancels it again must find all that had arrived.
                await checkpoint()
            yield _numbered(event, number, ref if call.execution_ref else None)
        await self._until(began, call.end_ms)
        effect_id = str(request.metadata.get("effect_id"))
        match call.ending:
            case LLMResult() as result:
                yield LLMEvent("completed", len(call.events), result=result)
            case LLMError() as error:
                error.pace = self._tape.timing
                if call.then is not None:
                    await self._tape.cancel(request.conversation_id, effect_id, call.then, True)
                    error.pace = _PATIENCE
                raise error
            case Cancel() as cancel:
                await self._tape.cancel(request.conversation_id, effect_id, cancel, False)
                await anyio.sleep_forever()

    async def _until(self, began: float, at_ms: float) -> None:
        if self._tape.timing:
            await anyio.sleep(max(0.0, began + at_ms * self._tape.timing / 1000 - anyio.current_time()))


def _numbered(event: LLMEvent, sequence: int, ref: str | None) -> LLMEvent:
    metadata = {**event.metadata, "execution_ref": ref} if ref and event.lifecycle == "started" else event.metadata
    return LLMEvent(
        event.lifecycle,
        sequence,
        event.delta,
        event.thinking,
        event.tool,
        usage=event.usage,
        metadata=metadata,
        aside=event.aside,
    )


async def _noted(events: AsyncIterator[LLMEvent], note: Note) -> AsyncGenerator[LLMEvent, None]:
    async for event in events:
        if event.lifecycle == "started":
            note.response = scrub_value(event.metadata)
        yield event


async def _whole(original: Backend, request: LLMRequest) -> AsyncGenerator[LLMEvent, None]:
    yield LLMEvent("completed", 0, result=await original.start(request))
