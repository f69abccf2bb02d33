"""Which backend, provider, model and options a request gets, and who said so.

Strongest first: the message (`effect`), the conversation, the backend's own table, the `default_*` settings.
Rule 1: the strongest source that says something decides; options are merged key by key.
Rule 2: a model name may carry its provider, or its backend, and then beats what weaker sources say of them.
Rule 3: a conversation's model belongs to the conversation's backend, and does not follow a message to another one.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import ConfigError, closest
from .agent_spec import parse_agent_spec
from .model_spec import SIMULATED, parse_model_spec
from .overrides import Overrides
from .settings import BackendSettings, LLMSettings

Source = Literal["effect", "conversation", "backend", "settings"]
Rungs = list[tuple[Source, Overrides | BackendSettings]]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The model call as it will be made.

    `provider` and `model` are apart (`simulated`, `story`). `sources` names for each field, and for each option as
    `options.<name>`, where its value came from.
    """

    backend: str
    provider: str | None
    model: str | None
    stream: bool
    timeout_ms: int
    """Limit of one attempt, in milliseconds."""
    system_prompt: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)


def resolve(effect: Overrides, conversation: Overrides, settings: LLMSettings) -> Resolved:
    """Combine what the message, the conversation and the settings say.

    Raises:
        ConfigError: a backend or provider that does not exist, or a model that contradicts them; `field` says which.
    """
    backend, chosen_by = _backend(effect, conversation, settings)
    if chosen_by == "effect" and _implied_backend(conversation, settings) != backend:
        conversation = conversation.model_copy(update={"model": None, "provider": None})
    table = settings.backends[backend]
    rungs: Rungs = [("effect", effect), ("conversation", conversation), ("backend", table)]
    sources: dict[str, Source] = {"backend": chosen_by}
    provider, model = _model(rungs, backend, table, settings, sources)
    return Resolved(
        backend=backend,
        provider=provider,
        model=model,
        stream=_first(rungs, "stream", settings.default_stream, sources),
        timeout_ms=_first(rungs, "timeout_ms", settings.default_timeout_ms, sources),
        system_prompt=_first(rungs, "system_prompt", None, sources) or None,
        options=_options(rungs, sources),
        sources=sources,
    )


def _first(rungs: Rungs, name: str, default: Any, sources: dict[str, Source]) -> Any:
    for source, rung in rungs:
        value = getattr(rung, name, None)
        if value is not None:
            sources[name] = source
            return value
    sources[name] = "settings"
    return default


def _options(rungs: Rungs, sources: dict[str, Source]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    sources["options"] = "settings"
    for source, rung in reversed(rungs):
        options.update(rung.options)
        sources.update({f"options.{name}": source for name in rung.options})
        if rung.options:
            sources["options"] = source
    return options


def _backend(effect: Overrides, conversation: Overrides, settings: LLMSettings) -> tuple[str, Source]:
    name = settings.default_backend
    source: Source = "settings"
    if asked := asked_backend(effect, settings):
        name, source = asked, "effect"
    elif asked := asked_backend(conversation, settings):
        name, source = asked, "conversation"
    if name not in settings.backends:
        raise ConfigError(
            f"no backend named {name!r}; known: {', '.join(settings.backends)}.{closest(name, settings.backends)}",
            field="backend",
            value=name,
        )
    return name, source


def asked_backend(overrides: Overrides, settings: LLMSettings) -> str | None:
    """The backend that is named, by itself or in front of the model; None: none is."""
    return overrides.backend or _backend_prefix(overrides.model, settings)


def _implied_backend(overrides: Overrides, settings: LLMSettings) -> str:
    return asked_backend(overrides, settings) or settings.default_backend


def _backend_prefix(model: str | None, settings: LLMSettings) -> str | None:
    prefix, colon, _ = (model or "").partition(":")
    return prefix if colon and prefix in settings.backends else None


def _model(
    rungs: Rungs, backend: str, table: BackendSettings, settings: LLMSettings, sources: dict[str, Source]
) -> tuple[str | None, str | None]:
    """(provider, model): the strongest model; its provider is its own, or the strongest one given."""
    ladder: list[tuple[Source, str | None, str | None]] = [
        (source, getattr(rung, "provider", None), getattr(rung, "model", None)) for source, rung in rungs
    ]
    if table.providers:  # the defaults are names in the provider table; a backend without one cannot use them
        ladder.append(("settings", settings.default_provider, settings.default_model))
    at = next((place for place, rung in enumerate(ladder) if rung[2]), None)
    asked, asked_by = _strongest_provider(ladder if at is None else ladder[: at + 1])
    sources["provider"], sources["model"] = asked_by, "settings" if at is None else ladder[at][0]
    # Of a backend of one's own it is not known what its names mean.
    agents = table.agents if table.module is None else {}
    if at is None:
        return asked or (_default_agent(rungs) or SIMULATED if agents else None), None
    name = _without_backend(ladder[at][2] or "", backend, settings)
    if agents:
        return parse_agent_spec(name, agents=agents, agent=asked, default=_default_agent(rungs))
    default, default_by = _strongest_provider(ladder[at + 1 :])
    if not table.providers:
        sources["provider"] = asked_by if asked else default_by
        return asked or default, name
    spec = parse_model_spec(
        name, providers=table.providers, aliases=settings.aliases, provider=asked, default_provider=default
    )
    if asked is None:
        sources["provider"] = default_by if spec.provider == default and spec.model == name else ladder[at][0]
    return spec.provider, spec.model


def _default_agent(rungs: Rungs) -> str | None:
    """What the option `agent` says, strongest first."""
    said = (rung.options.get("agent") for _, rung in rungs)
    return next((str(agent) for agent in said if agent), None)


def _strongest_provider(ladder: list[tuple[Source, str | None, str | None]]) -> tuple[str | None, Source]:
    return next(((provider, source) for source, provider, _ in ladder if provider), (None, "settings"))


def _without_backend(model: str, backend: str, settings: LLMSettings) -> str:
    prefix = _backend_prefix(model, settings)
    if prefix is None:
        return model
    if prefix != backend:
        raise ConfigError(
            f"the model {model!r} belongs to the backend {prefix!r}, but the backend is {backend!r}",
            field="model",
            value=model,
        )
    return model.partition(":")[2]
