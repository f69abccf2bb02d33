"""Talk to an Anthropic Messages API: the thin part round `anthropic_encode` and `anthropic_decode`.

The `anthropic` SDK sends the request and owns the connections; from its response we read the raw body, because building
and validating a typed object per chunk costs more than all the rest of the runtime.
"""

from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2

from ...llm.request import LLMRequest
from .anthropic_decode import Decoder
from .anthropic_encode import encode, option_headers
from .connection import Connection
from .http_provider import CONNECT_LIMIT_S, HttpProvider, Response

# The runtime keeps the clocks: a read may take as long as it lets it.
_TIMEOUT = httpx2.Timeout(None, connect=CONNECT_LIMIT_S)


class AnthropicProvider(HttpProvider):
    """See `HttpProvider`."""

    request_id_header = "request-id"
    rate_limit_prefix = "anthropic-ratelimit-"

    def __init__(self, wanted: Connection, base_url: str | None, *, loopback: bool = False) -> None:
        super().__init__(wanted.name, wanted.secrets, loopback=loopback)
        self._client = anthropic.AsyncAnthropic(
            api_key=wanted.api_key or _NO_KEY,
            base_url=base_url,
            max_retries=0,
            timeout=_TIMEOUT,
            default_headers=dict(wanted.headers),
            open_telemetry=False,
            http_client=_loopback_client() if loopback else _client(),
        )

    async def _ask(self, request: LLMRequest, model: str) -> Response:
        body = encode(request, model, provider=self.name)
        headers = self._effect_header(request) | option_headers(request)
        fixed = {name: body.pop(name) for name in ("model", "max_tokens", "messages")}
        stream = bool(body.pop("stream", False))
        manager: Any = self._client.messages.with_streaming_response.create(
            **fixed, stream=stream, extra_body=body, extra_headers=headers
        )
        response: httpx2.Response = (await manager.__aenter__()).http_response
        return response

    def _decoder(self, backend: str, facts: Mapping[str, Any]) -> Decoder:
        return Decoder(backend=backend, provider=self.name, facts=facts)

    async def _disconnect(self) -> None:
        await self._client.close()


connect = AnthropicProvider
_NO_KEY = "no-key"  # for the simulator, and for servers of your own that ask for none: the SDK wants one


def _client() -> httpx2.AsyncClient:
    """The SDK's own, but that a redirect, which is a second request, is not followed."""
    return anthropic.DefaultAsyncHttpxClient(timeout=_TIMEOUT, follow_redirects=False)


def _loopback_client() -> httpx2.AsyncClient:
    """One that asks no proxy: those of the environment are not meant for our own simulator."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    return httpx2.AsyncClient(timeout=_TIMEOUT, limits=limits, follow_redirects=False, trust_env=False)
