"""What every backend offers, and nothing about how it does it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from .event import LLMEvent
from .request import LLMRequest
from .result import LLMResult


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; what it cannot is refused, or told, before it is tried."""

    streaming: bool = True
    cancellation: bool = True
    provider_selection: bool = True
    model_selection: bool = True
    tools: bool = True
    thinking: bool = True
    sessions: bool = False
    """It goes on with sessions of its own: a request brings the notes of earlier ones, `metadata["sessions"]`."""


@runtime_checkable
class Backend(Protocol):
    """Answers requests. One request is at most one call on the wire: retries belong to the runtime.

    Failures are raised as `LLMError`, whatever the library underneath raises. A backend owns its connections,
    processes and tasks; it is opened and closed as an async context manager (`backends/registry.py`).
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def ready(self, provider: str | None) -> None:
        """Open what requests to `provider` will need, so that no attempt's time is spent on it. Safe to repeat.

        Raises:
            LLMError: it cannot be opened; a request will say the same.
        """
        ...

    def stream(self, request: LLMRequest) -> AbstractAsyncContextManager[AsyncIterator[LLMEvent]]:
        """Ask, and iterate over the events: `started`, ..., `completed`.

        Leaving the block, for whatever reason, ends the connection or process in bounded time, also when canceled.
        """
        ...

    async def start(self, request: LLMRequest) -> LLMResult:
        """Ask, and wait for the whole answer."""
        ...

    async def cancel(self, execution_ref: str) -> Mapping[str, Any] | None:
        """End the stream whose `started` event carried this ref.

        Returns what there is to tell of how it ended (for a process: which signal it took), or None.

        Raises:
            LLMError: `config` when nothing with that ref is running.
        """
        ...
