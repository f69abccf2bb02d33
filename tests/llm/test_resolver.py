"""Who decides what a request is (reference 1.12; W-22, W-23, W-42)."""

from typing import Any

import pytest

from jido_nb.errors import ConfigError, ContractError
from jido_nb.llm.overrides import Overrides, parse_overrides
from jido_nb.llm.resolver import Resolved, resolve
from jido_nb.llm.settings import LLMSettings


def resolved(
    effect: dict[str, Any] | None = None, conversation: dict[str, Any] | None = None, **settings: Any
) -> Resolved:
    return resolve(parse_overrides(effect), parse_overrides(conversation), LLMSettings.model_validate(settings))


def test_a_newcomer_gets_the_simulator() -> None:
    found = resolved()
    assert (found.backend, found.provider, found.model) == ("jido_ai", "simulated", "story")
    assert (found.stream, found.timeout_ms) == (True, 30_000)
    assert set(found.sources.values()) == {"settings"}


VALUES: dict[str, tuple[Any, Any, Any, Any]] = {
    # field: (message, conversation, backend table, default)
    "stream": (True, False, True, False),
    "timeout_ms": (1, 2, 3, 4),
}


@pytest.mark.parametrize("field", VALUES)
@pytest.mark.parametrize("strongest", range(4))
def test_the_strongest_source_decides(field: str, strongest: int) -> None:
    effect, conversation, table, default = VALUES[field]
    found = resolved(
        {field: effect} if strongest <= 0 else None,
        {field: conversation} if strongest <= 1 else None,
        backends={"jido_ai": {field: table} if strongest <= 2 else {}},
        **{f"default_{field}": default},
    )
    assert getattr(found, field) == VALUES[field][strongest]
    assert found.sources[field] == ("effect", "conversation", "backend", "settings")[strongest]


def test_default_stream_really_switches_streaming_off() -> None:
    """W-42: the backend's own row does not hide the setting."""
    assert resolved(default_stream=False).stream is False


def test_false_is_a_value() -> None:
    assert resolved({"stream": False}, {"stream": True}).stream is False


def test_options_merge_key_by_key_and_the_message_wins() -> None:
    found = resolved(
        {"options": {"temperature": 0}},
        {"options": {"temperature": 1, "top_p": 0.5}},
        backends={"jido_ai": {"options": {"max_tokens": 9, "top_p": 0.1}}},
    )
    assert found.options == {"temperature": 0, "top_p": 0.5, "max_tokens": 9}
    assert found.sources["options.temperature"] == "effect"
    assert found.sources["options.top_p"] == "conversation"
    assert found.sources["options.max_tokens"] == "backend"
    assert found.sources["options"] == "effect"


TWO = {"backends": {"jido_ai": {}, "harness": {"module": "x:y", "model": "claude"}}}


@pytest.mark.parametrize(
    ("effect", "conversation", "settings", "expected"),
    [
        # model: its own provider beats every weaker source
        ({"model": "fast"}, {"provider": "simulated"}, {}, ("jido_ai", "anthropic", "claude-haiku-5-5")),
        ({"model": "echo"}, {"model": "fast"}, {}, ("jido_ai", "simulated", "echo")),
        ({"model": "echo", "provider": "simulated"}, {}, {}, ("jido_ai", "simulated", "echo")),
        ({}, {"model": "simulated:echo"}, {}, ("jido_ai", "simulated", "echo")),
        ({}, {}, {"backends": {"jido_ai": {"model": "fast"}}}, ("jido_ai", "anthropic", "claude-haiku-5-5")),
        ({}, {}, {"default_model": "echo"}, ("jido_ai", "simulated", "echo")),
        # backend: named, or as the prefix of a model
        ({"backend": "harness"}, {}, TWO, ("harness", None, "claude")),
        ({"model": "harness:codex"}, {}, TWO, ("harness", None, "codex")),
        ({"backend": "harness", "model": "harness:codex"}, {}, TWO, ("harness", None, "codex")),
        ({"model": "harness:codex"}, {"backend": "jido_ai"}, TWO, ("harness", None, "codex")),
        # a conversation's model does not follow the message to another backend
        ({"backend": "harness"}, {"model": "simulated:echo"}, TWO, ("harness", None, "claude")),
        ({"backend": "jido_ai"}, {"model": "harness:codex"}, TWO, ("jido_ai", "simulated", "story")),
        ({"backend": "harness"}, {"model": "harness:codex"}, TWO, ("harness", None, "codex")),
    ],
)
def test_backend_provider_and_model_fit_together(
    effect: dict[str, Any], conversation: dict[str, Any], settings: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    found = resolved(effect, conversation, **settings)
    assert (found.backend, found.provider, found.model) == expected


def test_the_sources_of_a_model_with_its_own_provider() -> None:
    found = resolved({"model": "anthropic:claude-x"}, {"provider": "simulated"})
    assert (found.sources["model"], found.sources["provider"]) == ("effect", "effect")
    found = resolved({"model": "echo"})
    assert (found.sources["model"], found.sources["provider"]) == ("effect", "settings")


@pytest.mark.parametrize(
    ("effect", "field", "says"),
    [
        ({"backend": "jido"}, "backend", "Did you mean 'jido_ai'"),
        ({"model": "simulatd:story"}, "model", "Did you mean 'simulated'"),
        ({"provider": "anthropic"}, "model", "belongs to the provider 'simulated'"),
        ({"provider": "nowhere", "model": "x"}, "provider", "known: anthropic, openai"),
    ],
)
def test_what_does_not_exist_is_a_config_error(effect: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        resolved(effect)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        ("fast", "llm", "invalid"),
        ({"timeout_ms": "500"}, "llm.timeout_ms", "invalid"),
        ({"timeout_ms": 0}, "llm.timeout_ms", "invalid"),
        ({"stream": "yes"}, "llm.stream", "invalid"),
        ({"model": "  "}, "llm.model", "invalid"),
        ({"options": [1]}, "llm.options", "invalid"),
        ({"modle": "x"}, "llm.modle", "unknown"),
        ({"module": "os"}, "llm.module", "unknown"),
        ({"backend": "jido"}, "llm.backend", "unknown"),
    ],
)
def test_overrides_from_outside_are_refused_with_their_field(raw: Any, field: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_overrides(raw, backends=["jido_ai"])
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_overrides_survive_their_payload() -> None:
    overrides = Overrides(model="fast", stream=False, options={"temperature": 0})
    assert overrides.to_payload() == {"model": "fast", "stream": False, "options": {"temperature": 0}}
    assert parse_overrides(overrides.to_payload()) == overrides
    assert parse_overrides(None) == Overrides()
