"""Names of models mean one provider and one id (W-24)."""

import pytest

from jido_nb.errors import ConfigError
from jido_nb.llm.model_spec import parse_model_spec

PROVIDERS = ["anthropic", "simulated", "ollama", "openrouter"]
ALIASES = {"fast": "anthropic:claude-haiku-5-5", "local": "ollama:llama3:8b", "bare": "story"}


@pytest.mark.parametrize(
    ("name", "provider", "default", "meant"),
    [
        ("simulated:story", None, None, "simulated:story"),
        ("simulated:story", "simulated", None, "simulated:story"),
        ("story", "simulated", "anthropic", "simulated:story"),
        ("story", None, "simulated", "simulated:story"),
        (" simulated:story ", None, None, "simulated:story"),
        ("fast", None, "simulated", "anthropic:claude-haiku-5-5"),
        ("fast", "anthropic", None, "anthropic:claude-haiku-5-5"),
        ("fast", "ollama", None, "ollama:fast"),
        ("local", None, None, "ollama:llama3:8b"),
        ("bare", None, "simulated", "simulated:story"),
        ("ollama:llama3:8b", None, "simulated", "ollama:llama3:8b"),
        ("llama3:8b", "ollama", None, "ollama:llama3:8b"),
        ("llama3:8b", None, "ollama", "ollama:llama3:8b"),
        ("openrouter:meta/llama-3:free", None, None, "openrouter:meta/llama-3:free"),
        ("meta/llama-3", "openrouter", None, "openrouter:meta/llama-3"),
        ("claude-sonnet-5-5", None, "simulated", "anthropic:claude-sonnet-5-5"),
        ("claude-sonnet-5-5", "openrouter", None, "openrouter:claude-sonnet-5-5"),
    ],
)
def test_a_name_means_one_model(name: str, provider: str | None, default: str | None, meant: str) -> None:
    spec = parse_model_spec(name, providers=PROVIDERS, aliases=ALIASES, provider=provider, default_provider=default)
    assert str(spec) == meant


@pytest.mark.parametrize(
    ("name", "provider", "default", "field", "says"),
    [
        ("", None, "simulated", "model", "empty"),
        ("  ", None, "simulated", "model", "empty"),
        ("anthropic:", None, None, "model", "no model"),
        ("antropic:claude", None, "simulated", "model", "Did you mean 'anthropic'"),
        ("story", "simulatd", None, "provider", "Did you mean 'simulated'"),
        ("story", None, None, "model", "provider:model"),
        ("anthropic:claude", "ollama", None, "model", "'ollama'"),
    ],
)
def test_a_wrong_name_is_refused_with_the_way_out(
    name: str, provider: str | None, default: str | None, field: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse_model_spec(name, providers=PROVIDERS, aliases=ALIASES, provider=provider, default_provider=default)
    assert caught.value.field == field
