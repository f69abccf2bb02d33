"""The provider table: which protocol speaks to whom. A new protocol is one file and one row here."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from anyio import to_thread

from ...errors import ConfigError, closest
from ...llm.error import LLMError
from ...llm.model_spec import SIMULATED, SIMULATED_OPENAI, SIMULATORS
from ...llm.request import LLMRequest
from ...llm.result import LLMResult
from ...llm.settings import ProviderSettings
from ...simulator.catalogue import CATALOGUE
from .connection import Connection
from .loopback import Loopback
from .stream import LiveStream


class Provider(Protocol):
    """An open connection to one model API. Failures are `LLMError`s."""

    def stream(
        self, request: LLMRequest, model: str, execution_ref: str
    ) -> AbstractAsyncContextManager[LiveStream]: ...

    async def start(self, request: LLMRequest, model: str) -> LLMResult: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A protocol: the module here whose `connect(wanted, base_url, loopback=)` makes a Provider of it.

    `simulated`: it is our own simulator that is spoken to, at `path` below its address, unless the settings name
    another. `extra`: the optional dependency that it needs. `names`: the kind goes on with a name, `kind:name`.
    """

    module: str
    simulated: bool = False
    path: str = ""
    needs_url: bool = False
    extra: str | None = None
    names: bool = False


KINDS: Mapping[str, Kind] = {
    "anthropic": Kind("anthropic"),
    "openai": Kind("openai", needs_url=True),
    "pydantic_ai": Kind("pydantic_ai", extra="providers", names=True),
    SIMULATED: Kind("anthropic", simulated=True),
    SIMULATED_OPENAI: Kind("openai", simulated=True, path="/v1"),
}


def check_model(model: str, settings: ProviderSettings) -> None:
    """Refuse, before any request, a model of our own simulator that it does not have.

    Raises:
        ConfigError: with the closest name.
    """
    if settings.kind in SIMULATORS and settings.base_url is None and model not in CATALOGUE:
        raise ConfigError(
            f"the simulator has no model {model!r}.{closest(model, CATALOGUE)} `%jido models` lists them all.",
            field="model",
            value=model,
        )


def connection(name: str, settings: ProviderSettings, environ: Mapping[str, str]) -> Connection:
    """The connection that the settings describe.

    Raises:
        LLMError: `config`, an unknown kind or no address; `auth`, the key's environment variable is not set.
    """
    kind = settings.kind or name
    speaks = _kind_of(kind)
    if speaks is None:
        where = f"llm.backends.jido_ai.providers.{name}.kind"
        raise LLMError.of(
            "config",
            f"{where}: no provider of kind {kind!r}; known: {', '.join(KINDS)}.{closest(kind, KINDS)}",
            field=where,
        )
    if speaks.needs_url and not settings.base_url:
        where = f"llm.backends.jido_ai.providers.{name}.base_url"
        raise LLMError.of("config", f"{where}: where is the server? For example http://127.0.0.1:8000/v1", field=where)
    key = None
    if settings.api_key_env and kind not in SIMULATORS:
        key = environ.get(settings.api_key_env, "").strip()
        if not key:
            raise LLMError.of(
                "auth",
                f"no API key for {name!r}: set the environment variable {settings.api_key_env}. "
                f"Models of the simulator, such as 'simulated:story', need no key.",
                field=settings.api_key_env,
            )
    return Connection(
        name,
        kind,
        settings.base_url,
        key,
        tuple(sorted(settings.headers.items())),
        settings.ends_with,
        settings.extra_options,
    )


async def open_provider(wanted: Connection, loopback: Loopback) -> Provider:
    """Open it; nothing is sent yet."""
    kind = KINDS[wanted.kind.partition(":")[0]]
    base_url = wanted.base_url
    if kind.simulated and base_url is None:
        base_url = await loopback.url() + kind.path

    def connect() -> Provider:
        # An SDK takes more than half a second to import, during which other conversations go on.
        try:
            module = import_module(f".{kind.module}", __package__)
        except ImportError as error:
            if kind.extra is None:
                raise
            raise LLMError.of(
                "config",
                f"a provider of kind {wanted.kind!r} needs what is not installed ({error}): "
                f"pip install 'jido_nb[{kind.extra}]'",
                field=f"llm.backends.jido_ai.providers.{wanted.name}.kind",
            ) from None
        return cast(Provider, module.connect(wanted, base_url, loopback=kind.simulated))

    return await to_thread.run_sync(connect)


def _kind_of(kind: str) -> Kind | None:
    """The row of a kind; None when there is none."""
    start, colon, _ = kind.partition(":")
    found = KINDS.get(start)
    return None if found is None or (colon and not found.names) else found
