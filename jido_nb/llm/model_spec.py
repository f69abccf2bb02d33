"""Which provider and which model a name means.

A name is an alias (`fast`), a spec (`anthropic:claude-haiku-4-5`), or a provider's own id, which may itself contain
`:` and `/` (`llama3:8b`, `meta/llama-3`). Only a prefix that is a known provider splits a name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..errors import ConfigError, closest

SIMULATED = "simulated"
SIMULATED_OPENAI = "simulated_openai"
SIMULATORS = frozenset({SIMULATED, SIMULATED_OPENAI})
"""The simulator, in the words of the one protocol and of the other."""
# Ids that one vendor alone gives out: a person who writes only the id means that vendor, not the default provider.
_FAMILIES: Mapping[str, str] = {"claude-": "anthropic"}
# The same, but others serve them too: only the simulator, which has no such model, gives way.
_BORROWED: Mapping[str, str] = {"gpt-4": "openai", "gpt-5": "openai"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A provider of the table and the id of a model at that provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def parse_model_spec(
    name: str,
    *,
    providers: Collection[str],
    aliases: Mapping[str, str],
    provider: str | None = None,
    default_provider: str | None = None,
) -> ModelSpec:
    """The model that `name` means.

    Args:
        provider: Asked for together with the model; a name that says otherwise is an error.
        default_provider: Used when nothing else says which.

    Raises:
        ConfigError: the name is blank, its provider is unknown, or it contradicts `provider`; `field` is
            `model` or `provider`.
    """
    name = name.strip()
    if not name:
        raise ConfigError("the model has an empty name", field="model", value=name)
    for given in (provider, default_provider):
        if given is not None and given not in providers:
            raise _unknown_provider(given, providers, field="provider")
    if name in aliases:
        meant = parse_model_spec(aliases[name], providers=providers, aliases={}, default_provider=default_provider)
        if provider in (None, meant.provider):
            return meant
    prefix, colon, rest = name.partition(":")
    if colon and prefix in providers:
        return _with_prefix(name, prefix, rest.strip(), provider)
    if provider is not None:
        return ModelSpec(provider, name)
    nobody = default_provider is None or default_provider in SIMULATORS
    for start, vendor in {**_FAMILIES, **(_BORROWED if nobody else {})}.items():
        if name.startswith(start) and vendor in providers:
            return ModelSpec(vendor, name)
    # No scenario has a colon in its name, so this is a misspelt provider and not an id.
    if colon and nobody:
        raise _unknown_provider(prefix, providers, field="model", value=name)
    if default_provider is None:
        hint = closest(name, aliases)
        raise ConfigError(
            f"the model {name!r} names no provider; write provider:model with one of {', '.join(providers)}.{hint}",
            field="model",
            value=name,
        )
    return ModelSpec(default_provider, name)


def _with_prefix(name: str, prefix: str, rest: str, provider: str | None) -> ModelSpec:
    if not rest:
        raise ConfigError(f"{name!r} names a provider but no model", field="model", value=name)
    if provider is not None and provider != prefix:
        raise ConfigError(
            f"the model {name!r} belongs to the provider {prefix!r}, but the provider asked for is {provider!r}",
            field="model",
            value=name,
        )
    return ModelSpec(prefix, rest)


def _unknown_provider(
    provider: str, providers: Collection[str], *, field: str, value: str | None = None
) -> ConfigError:
    return ConfigError(
        f"no provider named {provider!r}; known: {', '.join(providers)}.{closest(provider, providers)}",
        field=field,
        value=value or provider,
    )
