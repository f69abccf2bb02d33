"""What becomes of a cancel: one table for both backends, for the suite and for the page in the docs.

A row says when the cancel comes and how the backend takes it. What must follow is the same whoever answers, and whether
the wish to cancel names a cause or not. To add a case, add a row.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import anyio

from ..backends.harness.backend import open_harness
from ..backends.jido_ai.backend import open_jido_ai
from ..llm.backend import Backend, Capabilities
from ..llm.error import LLMError
from ..llm.event import LLMEvent
from ..llm.request import LLMRequest
from ..llm.result import LLMResult
from ..llm.settings import Settings

When = Literal["streaming", "whole answer", "waiting to try again", "waiting in line"]
Obeys = Literal["obeys", "refuses", "breaks", "is slow", "cannot"]
Outcome = Literal["ok", "not_available", "failed"]

CANCEL_LIMIT_MS = 300
"""How long the suite lets a backend take to answer a cancel."""


@dataclass(frozen=True, slots=True)
class CancelRow:
    """One case: the outcome is `backend_cancel`, `category` that of what went wrong with the cancel itself."""

    name: str
    when: When
    outcome: Outcome
    obeys: Obeys = "obeys"
    category: str | None = None
    retryable: bool | None = None
    attempt: int = 1
    """The attempt that runs or ran last; 0: none had begun."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the canceled signal says of the cancel."""
        if self.category is None:
            return {"backend_cancel": self.outcome}
        return {
            "backend_cancel": self.outcome,
            "backend_cancel_category": self.category,
            "backend_cancel_retryable": self.retryable,
        }


CANCEL_ROWS = (
    CancelRow("while the answer streams", "streaming", "ok"),
    CancelRow("while an answer that is not streamed is made", "whole answer", "not_available"),
    CancelRow("in the wait before another attempt", "waiting to try again", "not_available"),
    CancelRow("before it has begun", "waiting in line", "not_available", attempt=0),
    CancelRow("the backend cannot be told", "streaming", "not_available", "cannot"),
    CancelRow("the backend refuses", "streaming", "failed", "refuses", "provider", True),
    CancelRow("the backend breaks", "streaming", "failed", "breaks", "unknown", False),
    CancelRow("the backend does not answer in time", "streaming", "failed", "is slow", "timeout", True),
)


class Disobedient:
    """A real backend that takes a cancel in a way of its own; leaving its stream still ends everything."""

    def __init__(self, backend: Backend, obeys: Obeys) -> None:
        self.name = backend.name
        self.capabilities: Capabilities = replace(backend.capabilities, cancellation=obeys != "cannot")
        self._backend = backend
        self._obeys = obeys

    async def ready(self, provider: str | None) -> None:
        await self._backend.ready(provider)

    def stream(self, request: LLMRequest) -> AbstractAsyncContextManager[AsyncIterator[LLMEvent]]:
        return self._backend.stream(request)

    async def start(self, request: LLMRequest) -> LLMResult:
        return await self._backend.start(request)

    async def cancel(self, execution_ref: str) -> Mapping[str, Any] | None:
        if self._obeys == "refuses":
            raise LLMError.of("provider", "not now", status=503)
        if self._obeys == "breaks":
            raise RuntimeError("something in the backend is broken")
        if self._obeys == "is slow":
            await anyio.sleep_forever()
        return await self._backend.cancel(execution_ref)


Opener = Callable[[Settings], AbstractAsyncContextManager[Backend]]


def _opener(open: Opener, obeys: Obeys) -> Opener:
    @asynccontextmanager
    async def open_disobedient(settings: Settings) -> AsyncIterator[Backend]:
        async with open(settings) as backend:
            yield Disobedient(backend, obeys)

    return open_disobedient


jido_ai_refuses, harness_refuses = _opener(open_jido_ai, "refuses"), _opener(open_harness, "refuses")
jido_ai_breaks, harness_breaks = _opener(open_jido_ai, "breaks"), _opener(open_harness, "breaks")
jido_ai_is_slow, harness_is_slow = _opener(open_jido_ai, "is slow"), _opener(open_harness, "is slow")
jido_ai_cannot, harness_cannot = _opener(open_jido_ai, "cannot"), _opener(open_harness, "cannot")


def module_of(backend: str, obeys: Obeys) -> str | None:
    """What `llm.backends.<backend>.module` must say for a backend that takes a cancel so; None: nothing."""
    return None if obeys == "obeys" else f"{__name__}:{backend}_{obeys.replace(' ', '_')}"
