"""A backend that talks to a simulator the test can look into, and requests to send."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from jido_nb.backends.registry import open_backend
from jido_nb.llm.backend import Backend
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings


@pytest.fixture(params=["simulated", "simulated_openai"])
def spoken(request: pytest.FixtureRequest) -> str:
    """The provider that speaks to the simulator: in the words of Anthropic, or of OpenAI."""
    return str(request.param)


@pytest.fixture
def request_to(spoken: str) -> Callable[..., LLMRequest]:
    """request_to("simulated:echo", options={...}) -> a request to whichever protocol is spoken.

    Each call with the same `effect` is another attempt.
    """

    def make(model: str, *, effect: str = "e", attempt: int = 1, text: str = "hi", **more: Any) -> LLMRequest:
        model = model.replace("simulated:", f"{spoken}:", 1)
        return LLMRequest.model_validate(
            {
                "request_id": f"{effect}:{attempt}",
                "conversation_id": "c",
                "backend": "jido_ai",
                "messages": [{"role": "user", "content": text}],
                "model": model,
                "metadata": {"effect_id": effect},
                **more,
            }
        )

    return make


@pytest.fixture
def backend_at(spoken: str) -> Callable[..., AbstractAsyncContextManager[Backend]]:
    """backend_at(url, **provider): an open jido_ai whose simulator is at that address."""

    @asynccontextmanager
    async def open_at(url: str, **provider: Any) -> AsyncIterator[Backend]:
        path = "/v1" if spoken == "simulated_openai" else ""
        table = {spoken: {"base_url": url + path, **provider}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
        async with open_backend("jido_ai", settings) as backend:
            yield backend

    return open_at
