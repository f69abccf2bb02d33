"""Ask a backend, and read to the end or to the failure."""

import pytest

from jido_nb.llm.backend import Backend
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.result import LLMResult


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
