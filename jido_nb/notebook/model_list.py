"""Models for `%jido models`: what can be asked without a key, aliases, and what a provider's models cost."""

from typing import TYPE_CHECKING

from ..errors import ConfigError, closest

if TYPE_CHECKING:
    from ..llm.settings import LLMSettings

Row = tuple[object, ...]


def usual_models(settings: "LLMSettings") -> list[Row]:
    """Simulated models, agents, and aliases with the price of what they stand for, if it is known."""
    from ..simulator.catalogue import CATALOGUE

    rows: list[Row] = [(f"simulated:{name}", scenario.description, "", "") for name, scenario in CATALOGUE.items()]
    for name, target in settings.aliases.items():
        provider, _, model = target.partition(":")
        rows.append((name, f"alias of {target}", *_price(provider, model)))
    for backend, table in settings.backends.items():
        rows += [(f"{backend}:{agent}", "coding agent", "", "") for agent in table.agents]
    return rows


def models_of(provider: str, settings: "LLMSettings") -> list[Row]:
    """The models of a provider that the price table knows.

    Raises:
        ConfigError: no such provider in the settings.
    """
    from ..backends.price_list import known_models
    from ..llm.model_spec import SIMULATORS
    from ..simulator.catalogue import CATALOGUE

    providers = {name for table in settings.backends.values() for name in table.providers}
    if provider not in providers:
        known = ", ".join(sorted(providers))
        raise ConfigError(
            f"no provider named {provider!r}; known: {known}.{closest(provider, providers)}",
            field="provider",
            value=provider,
        )
    if provider in SIMULATORS:
        return [(f"{provider}:{name}", scenario.description, "", "") for name, scenario in CATALOGUE.items()]
    return [(f"{provider}:{name}", "", *_price(provider, name)) for name in known_models(provider)]


def _price(provider: str, model: str) -> tuple[str, str]:
    from ..backends.price_list import list_price

    price = list_price(provider, model)
    return ("", "") if price is None else (f"{price.input_usd:.2f}", f"{price.output_usd:.2f}")
