"""Settings come from four places, and a wrong one says where it is and what was meant."""

from pathlib import Path
from typing import Any

import pytest

from jido_nb.errors import ConfigError
from jido_nb.llm.default_providers import DEFAULT_PROVIDERS
from jido_nb.llm.settings import Settings
from jido_nb.settings import load_settings

LAYERS = ("code", "toml", "pyproject", "environment")


def load(folder: Path, code: Any = None, **environ: str) -> Settings:
    return load_settings(code, cwd=folder, environ=environ)


@pytest.mark.parametrize("strongest", range(5))
def test_the_strongest_layer_wins(tmp_path: Path, strongest: int) -> None:
    code = {"llm": {"default_timeout_ms": 1}} if strongest <= 0 else None
    if strongest <= 1:
        (tmp_path / "jido_nb.toml").write_text("[llm]\ndefault_timeout_ms = 2\n")
    if strongest <= 2:
        (tmp_path / "pyproject.toml").write_text("[tool.jido_nb.llm]\ndefault_timeout_ms = 3\n")
    environ = {"JIDO_NB_LLM__DEFAULT_TIMEOUT_MS": "4"} if strongest <= 3 else {}
    assert load(tmp_path, code, **environ).llm.default_timeout_ms == (1, 2, 3, 4, 30_000)[strongest]


def test_layers_are_laid_over_each_other_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.jido_nb]\nruntime_partitions = 2\n[tool.jido_nb.llm.aliases]\nmine = "simulated:echo"\n'
    )
    settings = load(tmp_path, Settings(llm={"default_stream": False}), JIDO_NB_EFFECTS__LLM__MAX_ATTEMPTS="7")  # type: ignore[arg-type]
    assert settings.runtime_partitions == 2
    assert settings.llm.aliases["mine"] == "simulated:echo"
    assert "fast" in settings.llm.aliases
    assert settings.llm.default_stream is False
    assert settings.effects.llm.max_attempts == 7
    assert settings.effects.llm.backoff_ms == 100


def test_your_providers_join_the_built_in_ones() -> None:
    settings = Settings.model_validate(
        {"llm": {"backends": {"jido_ai": {"providers": {"mine": {"kind": "anthropic", "base_url": "http://x"}}}}}}
    )
    assert list(settings.llm.backends["jido_ai"].providers) == [*DEFAULT_PROVIDERS, "mine"]


def test_each_effect_class_keeps_its_own_defaults() -> None:
    settings = Settings.model_validate({"effects": {"tool": {"max_attempts": 5}}})
    assert (settings.effects.tool.max_attempts, settings.effects.tool.timeout_ms) == (5, 30_000)
    assert settings.effects.of("timer").max_attempts == 2


def test_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.jido_nb]\nruntime_partitions = 2\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert load(below).runtime_partitions == 2
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert load(below).runtime_partitions == 4


def test_a_pyproject_that_says_nothing_of_us_is_nothing_to_us(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert load(tmp_path) == load(tmp_path / "nowhere")


def test_a_variable_names_another_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("runtime_partitions = 3\n")
    assert load(tmp_path, JIDO_NB_CONFIG="mine.toml").runtime_partitions == 3
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(tmp_path, JIDO_NB_CONFIG="nowhere.toml")


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("LLM__DEFAULT_STREAM", "false", "llm.default_stream", False),
        ("LLM__DEFAULT_MODEL", "123", "llm.default_model", "123"),
        ("JOURNAL", "null", "journal", "null"),
        ("EFFECTS__LLM__JITTER", "0.5", "effects.llm.jitter", 0.5),
        ("ALLOW_SIMULATE_EFFECT", "true", "allow_simulate_effect", True),
        ("JOURNAL", "runs.sqlite", "journal", "runs.sqlite"),
    ],
)
def test_variables_become_what_the_setting_holds(
    tmp_path: Path, variable: str, text: str, path: str, value: Any
) -> None:
    found: Any = load(tmp_path, **{f"JIDO_NB_{variable}": text})
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def test_a_deep_variable_reaches_a_provider(tmp_path: Path) -> None:
    name = "JIDO_NB_LLM__BACKENDS__JIDO_AI__PROVIDERS__ANTHROPIC__BASE_URL"
    providers = load(tmp_path, **{name: "http://127.0.0.1:1"}).llm.backends["jido_ai"].providers
    assert providers["anthropic"].base_url == "http://127.0.0.1:1"
    assert providers["anthropic"].api_key_env == "ANTHROPIC_API_KEY"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"lm": {}}, "lm", "Did you mean 'llm'"),
    ({"llm": {"defualt_model": "x"}}, "llm.defualt_model", "Did you mean 'default_model'"),
    ({"llm": {"backends": {"jido_ai": {"tiemout_ms": 1}}}}, "llm.backends.jido_ai.tiemout_ms", "'timeout_ms'"),
    (
        {"llm": {"backends": {"jido_ai": {"providers": {"anthropic": {"url": "x"}}}}}},
        "llm.backends.jido_ai.providers.anthropic.url",
        "Did you mean 'base_url'",
    ),
    ({"effects": {"llm": {"max_attempt": 1}}}, "effects.llm.max_attempt", "Did you mean 'max_attempts'"),
    ({"effects": {"llm": {"max_attempts": 0}}}, "effects.llm.max_attempts", "got 0"),
    ({"llm": {"default_timeout_ms": -1}}, "llm.default_timeout_ms", "got -1"),
    ({"llm": "x"}, "llm", "got 'x'"),
]


@pytest.mark.parametrize(("given", "field", "says"), WRONG)
def test_a_wrong_setting_says_which_and_what_was_meant(given: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Settings.model_validate(given)
    assert caught.value.field == field


@pytest.mark.parametrize("layer", LAYERS)
def test_a_wrong_setting_says_where_it_was_found(tmp_path: Path, layer: str) -> None:
    code: Any = {"llm": {"defualt_model": "x"}} if layer == "code" else None
    if layer == "toml":
        (tmp_path / "jido_nb.toml").write_text('llm.defualt_model = "x"\n')
    if layer == "pyproject":
        (tmp_path / "pyproject.toml").write_text('[tool.jido_nb]\nllm.defualt_model = "x"\n')
    environ = {"JIDO_NB_LLM__DEFUALT_MODEL": "x"} if layer == "environment" else {}
    places = {
        "code": "no setting",
        "toml": "jido_nb.toml",
        "pyproject": "pyproject.toml",
        "environment": "the environment",
    }
    with pytest.raises(ConfigError, match="Did you mean 'default_model'") as caught:
        load(tmp_path, code, **environ)
    assert places[layer] in str(caught.value)


def test_a_variable_that_is_no_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?i)JIDO_NB_JURNAL.*Did you mean 'JIDO_NB_JOURNAL'"):
        load(tmp_path, JIDO_NB_JURNAL="x")
    load(tmp_path, JIDO_NB_REQUIRE="chromium", JIDO_NB_RUN="1", JIDO_NB_CLAUDE_PATH="/x/claude", PATH="/bin")


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "jido_nb.toml").write_text("llm = [")
    with pytest.raises(ConfigError, match=r"jido_nb\.toml"):
        load(tmp_path)


def test_a_key_in_the_wrong_place_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.model_validate({"llm": {"default_timeout_ms": "sk-canary-0123456789"}})
    assert "canary" not in str(caught.value)
