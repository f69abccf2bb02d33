"""A backend that plays a script: for tests of what surrounds a backend, and as the shortest example of one.

```python
first = [Started("ref-1"), Delta("hel"), Fail(LLMError("transport", "reset"))]
backend = ScriptedBackend([first, [Started("ref-2"), Delta("hello"), Complete()]])
```
The first script answers the first request, the second the second; the last one answers all that follow.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ..llm.backend import Capabilities
from ..llm.event import LLMEvent
from ..llm.fold import Fold
from ..llm.request import LLMRequest
from ..llm.result import LLMResult, ToolCall
from ..llm.usage import Usage
from ..runtime.clock import SYSTEM_CLOCK, Clock


@dataclass(frozen=True, slots=True)
class Started:
    """The response has begun. `ref` None: nothing that could be canceled by name."""

    ref: str | None = "ref-1"
    model: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for `event`; None: for ever."""

    event: anyio.Event | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Let `ms` milliseconds of the backend's clock pass."""

    ms: float


@dataclass(frozen=True, slots=True)
class Until:
    """What follows came `ms` milliseconds after the request, and was kept, as a socket does, for whoever asks later."""

    ms: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Raise `error`: an LLMError as a good backend does, anything else as a bad one."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Complete:
    """End well. `result` holds fields of LLMResult; text, thinking and tool calls default to what was streamed."""

    result: dict[str, Any] = field(default_factory=dict)


Step = Started | Delta | Thinking | Tool | Wait | Pause | Until | Fail | Complete


class ScriptedBackend:
    """Plays scripts, and records what was asked of it.

    A script that ends without `Complete` or `Fail` is a stream that was cut off. `on_cancel` is played by `cancel`.
    """

    def __init__(
        self,
        scripts: Sequence[Sequence[Step]],
        *,
        name: str = "scripted",
        capabilities: Capabilities | None = None,
        on_cancel: Sequence[Step] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.requests: list[LLMRequest] = []
        self.cancels: list[str] = []
        """The refs that `cancel` was called with."""
        self.closed: list[str] = []
        """Request ids whose stream or call has ended, in order; every request ends up here."""
        self.played: list[Step] = []
        """The steps that were begun, over all requests."""
        self._name = name
        self._capabilities = capabilities or Capabilities()
        self._scripts = [list(script) for script in scripts]
        self._on_cancel = list(on_cancel)
        self._clock = clock

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def ready(self, provider: str | None) -> None:
        """Always is."""

    @asynccontextmanager
    async def stream(self, request: LLMRequest) -> AsyncGenerator[AsyncIterator[LLMEvent], None]:
        script = self._next_script(request)
        try:
            async with aclosing(self._events(script)) as events:
                yield events
        finally:
            self.closed.append(request.request_id)

    async def start(self, request: LLMRequest) -> LLMResult:
        fold = Fold()
        async with self.stream(request) as events:
            async for event in events:
                fold.add(event)
        return fold.result()

    async def cancel(self, execution_ref: str) -> None:
        self.cancels.append(execution_ref)
        async with aclosing(self._events(self._on_cancel)) as events:
            async for _ in events:
                pass

    def _next_script(self, request: LLMRequest) -> list[Step]:
        self.requests.append(request)
        return self._scripts[min(len(self.requests), len(self._scripts)) - 1]

    async def _events(self, script: Sequence[Step]) -> AsyncGenerator[LLMEvent, None]:
        fold = Fold()
        sequence, began = 0, self._clock.now()
        for step in script:
            await checkpoint()
            self.played.append(step)
            event = await self._event(step, sequence, fold, began)
            if event is not None:
                sequence += 1
                fold.add(event)
                yield event

    async def _event(self, step: Step, sequence: int, fold: Fold, began: float) -> LLMEvent | None:
        match step:
            case Started(ref, model, usage):
                known = {"execution_ref": ref, "model": model}
                metadata = {key: value for key, value in known.items() if value is not None}
                return LLMEvent("started", sequence, usage=usage, metadata=metadata)
            case Delta(text):
                return LLMEvent("delta", sequence, delta=text)
            case Thinking(text):
                return LLMEvent("thinking", sequence, thinking=text)
            case Tool(call):
                return LLMEvent("tool", sequence, tool=call)
            case Wait(event):
                await (anyio.sleep_forever() if event is None else event.wait())
            case Pause(ms):
                await self._clock.sleep(ms / 1000)
            case Until(ms):
                await self._clock.sleep(began + ms / 1000 - self._clock.now())
            case Fail(error):
                raise error
            case Complete(result):
                streamed = {"text": fold.text, "thinking": fold.thinking, "tool_calls": fold.tools, "usage": fold.usage}
                return LLMEvent("completed", sequence, result=LLMResult.model_validate({**streamed, **result}))
        return None
