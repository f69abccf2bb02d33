"""docs/providers.md says what the tables of the code say, and its examples load."""

import re
import tomllib
from pathlib import Path

import pytest

from jido_nb.backends.jido_ai.openai_encode import OPTIONS
from jido_nb.backends.jido_ai.providers import KINDS
from jido_nb.llm.default_providers import DEFAULT_PROVIDERS
from jido_nb.llm.model_spec import SIMULATORS
from jido_nb.llm.settings import ProviderSettings, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
ENDS = {"done": "`[DONE]`", "either": "`[DONE]` or a finish reason"}


def row(name: str) -> str:
    settings = ProviderSettings.model_validate(DEFAULT_PROVIDERS[name])
    kind = KINDS[settings.kind or name]
    address = f"`{settings.base_url}`" if settings.base_url else "the SDK's"
    address = "the built-in simulator" if name in SIMULATORS else address
    key = f"`{settings.api_key_env}`" if settings.api_key_env else "none"
    end = "`message_stop`" if kind.module == "anthropic" else ENDS[settings.ends_with]
    return f"| `{name}` | {kind.module} | {address} | {key} | {end} |"


def test_the_table_of_providers_is_that_of_the_code() -> None:
    rows = PAGE.partition("| --- | --- | --- | --- | --- |\n")[2].partition("\n\n")[0].splitlines()
    assert rows == [row(name) for name in DEFAULT_PROVIDERS]


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = PAGE.partition("| setting |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == list(ProviderSettings.model_fields)
    for kind in KINDS:
        assert f"`{kind}`" in table


def test_the_settings_files_of_the_page_load() -> None:
    texts = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
    providers = Settings.model_validate(tomllib.loads("\n".join(texts))).llm.backends["jido_ai"].providers
    assert (providers["mistral"].kind, providers["lab-gemini"].kind) == ("pydantic_ai", "pydantic_ai:google")
    assert providers["campus"].extra_options == ("top_k", "chat_template_kwargs")
    assert (providers["ollama"].kind, providers["ollama"].base_url) == ("openai", "http://gpu-box.example:11434/v1")


@pytest.mark.parametrize("name", DEFAULT_PROVIDERS)
def test_every_row_is_a_valid_one(name: str) -> None:
    settings = ProviderSettings.model_validate(DEFAULT_PROVIDERS[name])
    assert settings.kind in KINDS
    assert len(set(settings.extra_options)) == len(settings.extra_options)
    assert not OPTIONS & set(settings.extra_options)
