"""Talk to an OpenAI-compatible API: the thin part round `openai_encode` and `openai_decode`, over `httpx`."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Any, cast

import httpx
import msgspec

from ...llm.error import LLMError
from ...llm.request import LLMRequest
from .connection import Connection
from .errors import status_error
from .http_provider import CONNECT_LIMIT_S, MAX_ERROR_BYTES, HttpProvider, Response, read_all, shut
from .openai_decode import Decoder
from .openai_encode import encode

PATH = "/chat/completions"
# The runtime keeps the clocks: a read may take as long as it lets it.
_TIMEOUT = httpx.Timeout(None, connect=CONNECT_LIMIT_S)
# The runtime says how many run at once; what waits for a free connection would look like a slow model.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)


class OpenAIProvider(HttpProvider):
    """See `HttpProvider`."""

    request_id_header = "x-request-id"
    rate_limit_prefix = "x-ratelimit-"

    def __init__(self, wanted: Connection, base_url: str | None, *, loopback: bool = False) -> None:
        super().__init__(wanted.name, wanted.secrets, loopback=loopback)
        self._wanted = wanted
        self._url = (base_url or "").rstrip("/") + PATH
        # Proxies of the environment are not meant for our own simulator; a redirect is a second request.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=_LIMITS, follow_redirects=False, trust_env=not loopback
        )

    async def _ask(self, request: LLMRequest, model: str) -> Response:
        body = encode(request, model, provider=self.name, extra_options=self._wanted.extra_options)
        headers = {"content-type": "application/json", **dict(self._wanted.headers), **self._effect_header(request)}
        if self._wanted.api_key:
            headers["authorization"] = f"Bearer {self._wanted.api_key}"
        content = msgspec.json.encode(body)
        call = self._client.build_request("POST", self._url, content=content, headers=headers)
        call.stream = _Body(content)
        response = await self._client.send(call, stream=True)
        if not response.is_success:
            raise await self._refusal(response)
        return response

    async def _refusal(self, response: httpx.Response) -> LLMError:
        """The error of a response with an error status; its body explains, if it can be read."""
        chunks = cast("AsyncGenerator[bytes, None]", response.aiter_bytes())
        body: Any = None
        try:
            raw = await read_all(chunks, MAX_ERROR_BYTES)
            try:
                body = msgspec.json.decode(raw)
            except msgspec.DecodeError:
                body = raw.decode("utf-8", "replace")
        except (httpx.HTTPError, LLMError):
            pass  # the status is what counts
        finally:
            await shut(chunks, response)
        error = status_error(response.status_code, body, response.headers, time.time())
        if response.status_code == 404 and self._url.count("/") == PATH.count("/") + 2:
            error.message += f" (asked at {self._url}; most servers want a base_url that ends in /v1)"
        return error

    def _decoder(self, backend: str, facts: Mapping[str, Any]) -> Decoder:
        return Decoder(backend=backend, provider=self.name, facts=facts, ends_with=self._wanted.ends_with)

    async def _disconnect(self) -> None:
        await self._client.aclose()


class _Body(httpx.AsyncByteStream):
    """A request's body. Its iterator is no generator: httpcore drops it unclosed where sending is canceled."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._left: Iterator[bytes] = iter(())

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._left = iter((self._content,))
        return self

    async def __anext__(self) -> bytes:
        for part in self._left:
            return part
        raise StopAsyncIteration


connect = OpenAIProvider
