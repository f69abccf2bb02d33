"""What the decoders of all protocols share: they count events, and know what there was before a failure. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.result import LLMResult
from ...llm.usage import Usage


class AnswerEvents(ABC):
    """The events of one answer, counted, and what there was when it broke off.

    Args:
        facts: What the response's headers said: `request_id` and `rate_limits`.
    """

    def __init__(self, *, backend: str, provider: str, facts: Mapping[str, Any] | None = None) -> None:
        facts = facts or {}
        self.ended = False
        """Whether the last event has been decoded."""
        self.usage: Usage | None = None
        self._backend = backend
        self._provider = provider
        self._request_id: str | None = facts.get("request_id")
        self._metadata: dict[str, Any] = {"rate_limits": facts["rate_limits"]} if facts.get("rate_limits") else {}
        self._sequence = 0
        # Told with the first event that shows something, so that an attempt that is cut off still knows it.
        self._news: dict[str, Any] | None = None

    @property
    @abstractmethod
    def partial_text(self) -> str:
        """The text so far."""

    def started(self, **metadata: Any) -> LLMEvent:
        """The first event: the response has begun."""
        return self._event("started", metadata={name: value for name, value in metadata.items() if value is not None})

    def with_remains(self, error: LLMError) -> LLMError:
        """`error`, told what there was before it."""
        error.partial_text = error.partial_text or self.partial_text
        error.usage = error.usage or self.usage
        return error

    def _event(self, lifecycle: Any, **parts: Any) -> LLMEvent:
        event = LLMEvent(lifecycle, self._sequence, **parts)
        self._sequence += 1
        return event

    def _shown(self, lifecycle: Any, **parts: Any) -> LLMEvent:
        if self._news is not None:
            parts, self._news = {**parts, **self._news}, None
        return self._event(lifecycle, **parts)


class AnswerDecoder(AnswerEvents):
    """Decodes one answer, streamed (`read`, event by event, then `finish`) or whole (`whole`).

    What does not follow the protocol raises LookupError, TypeError, AttributeError or ValueError.
    """

    @property
    def complete(self) -> bool:
        """Whether the answer is whole even if nothing follows."""
        return self.ended

    @abstractmethod
    def read(self, data: bytes) -> list[LLMEvent]:
        """The LLM events of one server-sent event; most give one, some none.

        Raises:
            LLMError: it is an error.
        """

    @abstractmethod
    def whole(self, body: Any) -> LLMResult:
        """The result of an answer that came in one piece, as decoded JSON.

        Raises:
            LLMError: the body is an error.
        """

    def finish(self) -> list[LLMEvent]:
        """The events that the end of the body brings.

        Raises:
            LLMError: the stream was not at its end.
        """
        raise truncated()


def truncated() -> LLMError:
    """The error of a stream that just stopped."""
    return LLMError.of("transport", "the stream ended before its last event", truncated=True)


def parsed_arguments(text: str) -> Any:
    """The arguments of a tool call as JSON; as raw text where they are none, for example cut off by a limit."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def count_of(counts: Any, name: str) -> int | None:
    """A count in a provider's usage; None when it is not told."""
    count = counts.get(name) if isinstance(counts, Mapping) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None
