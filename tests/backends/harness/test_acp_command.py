"""How agents of the Agent Client Protocol are started, and what those with permissions of their own may do."""

from typing import Any

import pytest

from jido_nb.backends.harness.agent import Agent
from jido_nb.backends.harness.agents.acp import Acp
from jido_nb.backends.harness.agents.gemini_acp import GeminiAcp
from jido_nb.backends.harness.agents.opencode_acp import OpenCodeAcp
from jido_nb.llm.error import LLMError

from .playing import play, run_of
from .test_acp import INITIALIZED, OPENED, asked, done, said

AGENT = Acp()


@pytest.mark.parametrize(
    ("agent", "more", "argv"),
    [
        (AGENT, {"settings": {"args": ["--x"]}}, ["--x"]),
        (OpenCodeAcp(), {"model": "a/b"}, ["acp"]),
        (GeminiAcp(), {"model": "g"}, ["--acp", "-m", "g", "--approval-mode", "default"]),
    ],
)
def test_the_command(agent: Agent, more: dict[str, Any], argv: list[str]) -> None:
    run = run_of(agent, **more)
    assert (agent.argv(run), agent.stdin(run), agent.stdin_stays_open) == (argv, b"", True)


@pytest.mark.parametrize("agent", [OpenCodeAcp(), GeminiAcp()])
def test_an_agent_with_permissions_of_its_own_is_refused_what_it_asks_for(agent: Agent) -> None:
    end = play(agent, run_of(agent), [INITIALIZED, OPENED, asked(), said("Well."), done()])
    assert end.written[-1]["result"]["outcome"]["optionId"] == "o-reject_once"


@pytest.mark.parametrize("settings", [{"permission_mode": "yes"}, {"max_turns": 2}, {"disallowed_tools": ["x"]}])
def test_what_cannot_be_followed_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(LLMError) as problem:
        AGENT.argv(run_of(AGENT, settings=settings))
    assert problem.value.category == "config"
