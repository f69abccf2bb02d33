"""A stream that is being read, and that somebody else may end."""

from collections.abc import AsyncGenerator, Awaitable, Callable

from ...llm.event import LLMEvent


class LiveStream:
    """`events` is what the reader iterates over; `cancel` ends it from another task."""

    events: AsyncGenerator[LLMEvent, None]

    def __init__(self, execution_ref: str, close: Callable[[], Awaitable[None]]) -> None:
        self.execution_ref = execution_ref
        self.canceled = False
        self._close = close

    async def cancel(self) -> None:
        """Close the connection; the reader gets an `LLMError` of category `canceled`."""
        self.canceled = True
        await self._close()
