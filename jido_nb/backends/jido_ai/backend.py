"""The backend `jido_ai`: model APIs over HTTP, by a table of providers, and the simulator among them."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from ...errors import ConfigError
from ...llm.backend import Backend, Capabilities
from ...llm.error import LLMError, from_exception
from ...llm.event import LLMEvent
from ...llm.model_spec import SIMULATORS, ModelSpec, parse_model_spec
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from ...llm.settings import BackendSettings, Settings
from ..pricing import warm_up
from .connection import Connection
from .loopback import Loopback
from .pool import Held, Pool
from .providers import Provider, check_model, connection, open_provider
from .stream import LiveStream

NAME = "jido_ai"
CANCEL_LIMIT_S = 2.0


@asynccontextmanager
async def open_jido_ai(settings: Settings, environ: Mapping[str, str] | None = None) -> AsyncIterator[Backend]:
    """Open the backend; connections and the simulator start when first needed, and end with the block.

    Args:
        environ: Where API keys are looked up, at each request. None: the process's own environment.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        backend = JidoAI(settings, tasks, os.environ if environ is None else environ)
        try:
            yield backend
        except Exception as error:
            # Raised outside of the group, so that the caller's own error does not come back wrapped.
            failure = error
        finally:
            await backend.close()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class JidoAI:
    """See `Backend`. Every request is one call on the wire; failures come out as `LLMError`."""

    name = NAME
    capabilities = Capabilities()

    def __init__(self, settings: Settings, tasks: TaskGroup, environ: Mapping[str, str]) -> None:
        self._table = settings.llm.backends.get(NAME, BackendSettings())
        self._settings = settings.llm
        self._environ = environ
        self._tasks = tasks
        self._loopback = Loopback(tasks)
        self._pool = Pool(tasks, self._connect)
        self._live: dict[str, LiveStream] = {}
        self._refs = count(1)

    async def ready(self, provider: str | None) -> None:
        if provider in self._table.providers:
            await self._provider(provider)

    @asynccontextmanager
    async def stream(self, request: LLMRequest) -> AsyncIterator[AsyncIterator[LLMEvent]]:
        spec = self._spec(request)
        with await self._provider(spec.provider) as provider:
            ref = f"{NAME}-{next(self._refs)}"
            async with provider.stream(request, spec.model, ref) as live:
                self._live[ref] = live
                try:
                    yield live.events
                finally:
                    del self._live[ref]

    async def start(self, request: LLMRequest) -> LLMResult:
        spec = self._spec(request)
        with await self._provider(spec.provider) as provider:
            return await provider.start(request, spec.model)

    async def cancel(self, execution_ref: str) -> None:
        live = self._live.get(execution_ref)
        if live is None:
            raise LLMError.of("config", f"no stream {execution_ref!r} is running", execution_ref=execution_ref)
        with anyio.move_on_after(CANCEL_LIMIT_S) as limit:
            try:
                await live.cancel()
            except Exception as error:
                raise from_exception(error) from None
        if limit.cancelled_caught:
            raise LLMError.of("timeout", "the connection did not close in time", which="cancel")

    async def close(self) -> None:
        """Close all connections, in bounded time."""
        await self._pool.close()

    def _spec(self, request: LLMRequest) -> ModelSpec:
        try:
            if not request.model:
                raise ConfigError("no model was asked for; name one as provider:model", field="model")
            spec = parse_model_spec(
                request.model,
                providers=self._table.providers,
                aliases=self._settings.aliases,
                provider=request.provider,
                default_provider=self._table.provider or self._settings.default_provider,
            )
            check_model(spec.model, self._table.providers[spec.provider])
            return spec
        except ConfigError as error:
            raise LLMError.of("config", str(error), field=error.field) from None

    async def _provider(self, name: str) -> Held:
        # Looked up for each request: a key that is set in the next cell works without a restart.
        return await self._pool.get(connection(name, self._table.providers[name], self._environ))

    async def _connect(self, wanted: Connection) -> Provider:
        provider = await open_provider(wanted, self._loopback)
        if wanted.kind not in SIMULATORS:
            self._tasks.start_soon(_load_prices)
        return provider


async def _load_prices() -> None:
    """Load the price table beside the first answer that has a price, so that telling it does not stop the loop."""
    with suppress(Exception):
        await to_thread.run_sync(warm_up, abandon_on_cancel=True)
