"""A client without retries, and a question that any model accepts."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import httpx2
import pytest

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask() -> Ask:
    """ask("story", stream=True) -> the body of a request."""

    def body(model: str, text: str = "hi", **more: Any) -> dict[str, Any]:
        return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}

    return body


@pytest.fixture
def client() -> Callable[..., httpx2.AsyncClient]:
    """client(url) -> a bare HTTP client; `timeout` is in seconds."""

    def make(url: str, *, timeout: float = 10) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=url, timeout=timeout, trust_env=False)

    return make


@pytest.fixture
def events() -> Callable[..., AbstractAsyncContextManager[AsyncIterator[dict[str, Any]]]]:
    """events(client, body): the data of each server-sent event, as it comes."""

    @asynccontextmanager
    async def stream(http: httpx2.AsyncClient, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with http.stream("POST", "/v1/messages", json={**body, "stream": True}) as response:
            response.raise_for_status()
            async with aclosing(response.aiter_raw()) as chunks, aclosing(_decoded(chunks)) as decoded:
                yield decoded

    return stream


async def _decoded(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n\n")
        for event in whole:
            name, data = event.split(b"\n", 1)
            decoded = json.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + decoded["type"].encode()
            yield decoded
