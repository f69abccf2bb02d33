"""Ask a backend, and read to the end or to the failure."""

from collections.abc import Sequence

import pytest

from jido_nb.llm.backend import Backend
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.fold import Fold
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.result import LLMResult, ToolCall
from jido_nb.llm.usage import Usage


async def streamed(backend: Backend, request: LLMRequest) -> list[LLMEvent]:
    async with backend.stream(request) as events:
        return [event async for event in events]


async def answered(backend: Backend, request: LLMRequest, stream: bool = True) -> LLMResult:
    if not stream:
        return await backend.start(request)
    result = (await streamed(backend, request))[-1].result
    assert result is not None
    return result


async def failed(backend: Backend, request: LLMRequest, stream: bool = True) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await answered(backend, request, stream)
    return caught.value


Told = tuple[str, str, tuple[ToolCall, ...], Usage | None]


def folded(events: Sequence[LLMEvent]) -> Told:
    """What the events say, one after the other."""
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.text, fold.thinking, tuple(fold.tools), fold.usage


def told(events: Sequence[LLMEvent]) -> Told:
    """What the result at their end says."""
    result = events[-1].result
    assert result is not None
    return result.text, result.thinking, tuple(result.tool_calls), result.usage
