"""Which coding agent, and which of its models, a name means."""

from typing import Any

import pytest

from jido_nb.errors import ConfigError
from jido_nb.llm.agent_spec import parse_agent_spec
from jido_nb.llm.overrides import parse_overrides
from jido_nb.llm.resolver import resolve
from jido_nb.llm.settings import LLMSettings

AGENTS = ("simulated", "claude", "codex")


@pytest.mark.parametrize(
    ("name", "agent", "default", "found"),
    [
        ("claude", None, None, ("claude", None)),
        ("claude:opus", None, None, ("claude", "opus")),
        ("claude:us.anthropic/opus:1", None, None, ("claude", "us.anthropic/opus:1")),
        ("claude:", None, None, ("claude", None)),
        ("codex", None, "claude", ("codex", None)),
        ("opus", None, "claude", ("claude", "opus")),
        ("opus", "claude", None, ("claude", "opus")),
        ("claude:opus", "claude", "codex", ("claude", "opus")),
        ("claude", "codex", None, ("codex", "claude")),
        (None, "codex", "claude", ("codex", None)),
        (" ", None, "claude", ("claude", None)),
        (None, None, None, (None, None)),
    ],
)
def test_what_a_name_means(name: str | None, agent: str | None, default: str | None, found: tuple[str, str]) -> None:
    assert parse_agent_spec(name, agents=AGENTS, agent=agent, default=default) == found


@pytest.mark.parametrize(
    ("name", "agent", "field"),
    [("cluade", None, "model"), ("cluade:opus", None, "model"), ("opus", "cluade", "provider")],
)
def test_an_agent_that_is_not_there(name: str, agent: str | None, field: str) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'claude'") as caught:
        parse_agent_spec(name, agents=AGENTS, agent=agent)
    assert caught.value.field == field


RESOLVED: list[tuple[dict[str, Any], dict[str, Any], tuple[str | None, str | None]]] = [
    ({"model": "harness:claude"}, {}, ("claude", None)),
    ({"model": "harness:claude:opus"}, {}, ("claude", "opus")),
    ({"backend": "harness", "model": "claude"}, {}, ("claude", None)),
    ({"backend": "harness"}, {}, ("simulated", None)),
    ({"backend": "harness"}, {"options": {"agent": "claude"}}, ("claude", None)),
    ({"backend": "harness", "model": "opus"}, {"options": {"agent": "claude"}}, ("claude", "opus")),
    ({"backend": "harness"}, {"model": "claude:opus"}, ("claude", "opus")),
]


@pytest.mark.parametrize(("effect", "table", "found"), RESOLVED)
def test_the_agent_is_the_provider_of_the_request(
    effect: dict[str, Any], table: dict[str, Any], found: tuple[str | None, str | None]
) -> None:
    settings = LLMSettings.model_validate({"backends": {"harness": table}})
    resolved = resolve(parse_overrides(effect), parse_overrides(None), settings)
    assert (resolved.backend, resolved.provider, resolved.model) == ("harness", *found)
    assert resolved.timeout_ms == 600_000
