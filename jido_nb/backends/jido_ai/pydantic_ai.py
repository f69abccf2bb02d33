"""The bridge to the models of pydantic-ai: Google, Bedrock, Mistral, Cohere and many more (extra `providers`).

pydantic-ai speaks to the vendors' SDKs; every attempt is ours, so their own retries are off.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from typing import Any

from anyio import Lock, move_on_after
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelResponseStreamEvent
from pydantic_ai.models import Model, StreamedResponse, infer_model
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.settings import ModelSettings

from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from .connection import Connection
from .http_provider import CLOSE_LIMIT_S
from .pydantic_ai_decode import Decoder, decoded_usage
from .pydantic_ai_encode import messages_of, parameters_of, settings_of
from .pydantic_ai_errors import bridge_error
from .strays import Strays
from .stream import LiveStream

MAX_MODELS = 100
"""Models of one connection that are kept; they hold no connection of their own."""


class PydanticAIProvider:
    """One connection to one provider of pydantic-ai. One call of `stream` or `start` is one request on the wire."""

    def __init__(self, wanted: Connection, base_url: str | None) -> None:
        self.name = wanted.name
        self._of = wanted.kind.partition(":")[2] or wanted.name
        self._headers = dict(wanted.headers)
        self._provider = _opened(self._of, wanted, base_url)
        key = getattr(getattr(self._provider, "client", None), "api_key", None)
        self._secrets = (*wanted.secrets, *([key] if isinstance(key, str) else []))
        self._models: dict[str, Model[Any]] = {}
        self._owned = AsyncExitStack()
        self._entering = Lock()
        self._entered = False

    async def close(self) -> None:
        """Close all connections, in bounded time."""
        with move_on_after(CLOSE_LIMIT_S, shield=True):
            await self._owned.aclose()

    @asynccontextmanager
    async def stream(self, request: LLMRequest, model: str, execution_ref: str) -> AsyncIterator[LiveStream]:
        """Ask and stream; see `Backend.stream`."""
        asked = await self._asked(request, model)
        async with Strays() as strays:
            stack = AsyncExitStack()
            try:
                response = await strays.watched(stack.enter_async_context(model_request_stream(**asked)))
            except Exception as error:
                raise self._error(error) from None
            ending = AsyncExitStack()
            ending.push_async_callback(_end, response)
            live = LiveStream(execution_ref, ending.aclose)
            live.events = self._events(live, response, strays, Decoder(backend=request.backend, provider=self.name))
            # Nobody is to hold it when it has ended: what it holds is dropped then, and closed here.
            del response
            try:
                yield live
            finally:
                with move_on_after(CLOSE_LIMIT_S, shield=True), suppress(Exception):
                    await live.events.aclose()
                    await ending.aclose()
                    await strays.watched(stack.aclose())

    async def start(self, request: LLMRequest, model: str) -> LLMResult:
        """Ask and wait; see `Backend.start`."""
        asked = await self._asked(request, model)
        try:
            async with Strays() as strays:
                response = await strays.watched(model_request(**asked))
            return Decoder(backend=request.backend, provider=self.name).whole(response)
        except Exception as error:
            raise self._error(error) from None

    async def _events(
        self, live: LiveStream, response: StreamedResponse, strays: Strays, decoder: Decoder
    ) -> AsyncGenerator[LLMEvent, None]:
        yield decoder.started(execution_ref=live.execution_ref)
        decoder.serves(response.model_name)
        try:
            events = aiter(response)
            while (event := await strays.watched(_next(events))) is not None:
                for told in decoder.decode(event):
                    yield told
            if live.canceled:
                raise LLMError("canceled", "the stream was canceled")
            for told in decoder.end(response.get()):
                yield told
        except Exception as error:
            decoder.usage = decoded_usage(response.usage)
            failure = LLMError("canceled", "the stream was canceled") if live.canceled else self._error(error)
            raise decoder.with_remains(failure) from None

    async def _asked(self, request: LLMRequest, name: str) -> dict[str, Any]:
        try:
            model = await self._model(name)
            return {
                "model": model,
                "messages": messages_of(request, self.name),
                "model_settings": settings_of(request, _settings_known(model), self._headers),
                "model_request_parameters": parameters_of(request),
            }
        except Exception as error:
            raise self._error(error) from None

    async def _model(self, name: str) -> Model[Any]:
        async with self._entering:
            if not self._entered:
                await self._owned.enter_async_context(self._provider)
                self._entered = True
        if name not in self._models:
            if len(self._models) >= MAX_MODELS:
                self._models.clear()
            self._models[name] = infer_model(f"{self._of}:{name}", provider_factory=lambda _: self._provider)
        return self._models[name]

    def _error(self, error: BaseException) -> LLMError:
        return bridge_error(error, time.time()).scrubbed(self._secrets)


def connect(wanted: Connection, base_url: str | None, *, loopback: bool = False) -> PydanticAIProvider:
    """See `Kind`.

    Raises:
        LLMError: `config`, no such provider, or its SDK is not installed; `auth`, its key is not set.
    """
    return PydanticAIProvider(wanted, base_url)


def _opened(name: str, wanted: Connection, base_url: str | None) -> Any:
    where = f"llm.backends.jido_ai.providers.{wanted.name}"
    given = {"api_key": wanted.api_key, "base_url": base_url}
    given = {option: value for option, value in given.items() if value is not None}
    try:
        return _once_only(infer_provider_class(name)(**given))
    except ImportError as error:
        raise LLMError.of("config", f"{where}: {error}", field=f"{where}.kind") from None
    except ValueError:
        said = f"{where}.kind: pydantic-ai has no provider {name!r}; name one as 'pydantic_ai:<name>'"
        raise LLMError.of("config", said, field=f"{where}.kind") from None
    except TypeError:
        said = f"{where}: the provider {name!r} takes no {' and no '.join(given)}; its own environment variables say it"
        raise LLMError.of("config", said, field=where) from None
    except UserError as error:
        missing_key = "key" in str(error).lower() and wanted.api_key is None
        raise LLMError.of("auth" if missing_key else "config", f"{where}: {error}", field=where) from None


def _once_only(provider: Any) -> Any:
    """`provider`, whose client repeats no request where a setting of pydantic-ai does not reach: botocore's."""
    events = getattr(getattr(provider.client, "meta", None), "events", None)
    if events is not None:
        service = provider.client.meta.service_model.service_id.hyphenize()
        events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")
    return provider


def _settings_known(model: Model[Any]) -> set[str]:
    """The settings of all models, and those that the module of this one's class adds, but for what it ignores."""
    general = set(ModelSettings.__annotations__)
    module = vars(import_module(type(model).__module__))
    kinds = [set(kind.__annotations__) for name, kind in module.items() if name.endswith("ModelSettings")]
    return general.union(*(names for names in kinds if general <= names)) - model.unsupported_settings


async def _next(events: AsyncIterator[ModelResponseStreamEvent]) -> ModelResponseStreamEvent | None:
    return await anext(events, None)


async def _end(response: StreamedResponse) -> None:
    """Close its connection; where a model cannot do that from outside, whoever reads it does so by leaving."""
    with suppress(NotImplementedError):
        await response.cancel()
