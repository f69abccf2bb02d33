"""How `codex exec` is started."""

from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.codex import Codex
from jido_nb.llm.error import LLMError

from .playing import run_of

AGENT = Codex()
RESUMED = SessionPlan("t-1", resume=True)
BASE = ["exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only", "-c", 'approval_policy="never"']
QUIET = ["-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"]


@pytest.mark.parametrize(
    ("more", "argv"),
    [
        ({}, [*BASE, *QUIET, "-"]),
        ({"model": "gpt-5.5"}, [*BASE, *QUIET, "-m", "gpt-5.5", "-"]),
        ({"session": RESUMED}, [*BASE, *QUIET, "resume", "t-1", "-"]),
        ({"session": SessionPlan("t-1", resume=True, fork=True)}, [*BASE, *QUIET, "fork", "t-1", "-"]),
        ({"settings": {"args": ["--oss"]}, "session": RESUMED}, [*BASE, *QUIET, "--oss", "resume", "t-1", "-"]),
        ({"settings": {"reasoning_effort": "low"}}, [*BASE, *QUIET, "-c", 'model_reasoning_effort="low"', "-"]),
        (
            {"system_prompt": 'Say "é" 🎉\n'},
            [*BASE, *QUIET, "-c", 'developer_instructions="Say \\"é\\" 🎉\\n"', "-"],
        ),
        (
            {"settings": {"permission_mode": "workspace-write"}},
            [*BASE[:4], "workspace-write", *BASE[5:], *QUIET, "-"],
        ),
    ],
)  # fmt: skip
def test_the_command(more: dict[str, Any], argv: list[str]) -> None:
    run = run_of(AGENT, prompt="-x say hi", **more)
    assert AGENT.argv(run) == argv
    assert AGENT.stdin(run) == b"-x say hi"


def test_a_server_of_ones_own_has_its_retries_limited() -> None:
    settings = {"base_url": "http://127.0.0.1:1/v1", "api_key_env": "MY_KEY", "max_retries": 1}
    run = run_of(AGENT, settings=settings, environ={"MY_KEY": "k", "OTHER": "o"})
    assert AGENT.argv(run)[-5:-1] == [
        "-c",
        'model_provider="jido_nb"',
        "-c",
        'model_providers.jido_nb={name="jido_nb", base_url="http://127.0.0.1:1/v1", wire_api="responses", '
        'env_key="MY_KEY", request_max_retries=0, stream_max_retries=1}',
    ]
    assert AGENT.environment(run) == {"MY_KEY": "k"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"permission_mode": "readonly"}, "read-only"),
        ({"allowed_tools": ["shell"]}, "allowed_tools"),
        ({"max_turns": 3}, "max_turns"),
        ({"max_budget_usd": 1.0}, "max_budget_usd"),
    ],
)
def test_what_codex_cannot_do_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(LLMError, match=words) as error:
        AGENT.argv(run_of(AGENT, settings=settings))
    assert error.value.category == "config"


@pytest.mark.parametrize(
    ("environ", "known"),
    [({"CODEX_API_KEY": "k"}, True), ({"OPENAI_API_KEY": "k"}, True), ({"HOME": "/nowhere"}, None)],
)
def test_whether_it_is_logged_in(environ: dict[str, str], known: bool | None) -> None:
    assert AGENT.logged_in(environ) is known
