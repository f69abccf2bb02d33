"""Which agent, with which settings, in which folder: everything that is refused before a process starts."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from jido_nb.backends.harness.agent import Run, SessionPlan
from jido_nb.backends.harness.agents.claude import Claude
from jido_nb.backends.harness.agents.table import AGENTS, agent_of
from jido_nb.backends.harness.backend import Harness
from jido_nb.backends.harness.environment import agent_environment, secrets_in
from jido_nb.backends.harness.executable import Executable, find_executable
from jido_nb.errors import ConfigError
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest

Ask = Callable[..., LLMRequest]
RunOf = Callable[..., Run]
Open = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_says_who_it_is(name: str) -> None:
    agent = agent_of(name)
    assert agent.name == name
    assert agent.executable.install
    assert agent.cancels_by


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("agents", "says"),
    [
        (
            {"claude": {"modle": "opus"}},
            "no setting 'modle' in 'llm.backends.harness.agents.claude'. Did you mean 'model'",
        ),
        ({"claude": {"max_turns": 0}}, "llm.backends.harness.agents.claude.max_turns"),
        ({"cluade": {}}, "no agent named 'cluade'; known: .* Did you mean 'claude'"),
        ({"mine": {"kind": "claud"}}, "no agent named 'claud'"),
    ],
)
async def test_a_wrong_setting_is_told_when_the_backend_opens(agents: Any, says: str, harness: Open) -> None:
    with pytest.raises(ConfigError, match=says):
        async with harness(agents):
            pytest.fail("it opened")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        ("cluade", {}, "no agent named 'cluade'; known: simulated, claude, .*Did you mean 'claude'"),
        ("simulated:stroy", {}, "no model 'stroy'. Did you mean 'story'"),
        ("simulated", {"options": {"temperature": 1}}, "no setting 'temperature' in 'llm.options'"),
        ("simulated", {"options": {"permission_mod": "x"}}, "Did you mean 'permission_mode'"),
        ("simulated", {"options": {"path": "/bin/sh"}}, "no setting 'path'"),
        ("simulated", {"options": {"cwd": "/no/such/folder"}}, "is no folder"),
        ("simulated", {"messages": [{"role": "user", "content": "  "}]}, "nothing to ask"),
        ("simulated", {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "no image blocks"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    model: str, more: dict[str, Any], says: str, ask: Ask, harness: Open
) -> None:
    async with harness() as backend:
        with pytest.raises(LLMError, match=says) as caught:
            await backend.start(ask(model, **more))
    assert (caught.value.category, caught.value.retryable) == ("config", False)


@pytest.mark.anyio
async def test_the_default_agent_is_the_stand_in_and_the_settings_may_name_another(ask: Ask, harness: Open) -> None:
    async with harness({"simulated": {"model": "short"}}) as backend:
        assert (await backend.start(ask(None))).model == "short"
    async with harness({"mine": {"kind": "simulated", "model": "echo"}}, options={"agent": "mine"}) as backend:
        result = await backend.start(ask(None))
        assert (result.provider, result.model) == ("mine", "echo")
        assert (await backend.start(ask("short", options={"agent": "mine"}))).model == "short"


def program(folder: Path, name: str = "agent") -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


WANTED = Executable(names=("agent",), install="npm install -g agent", bundled=(("no_such_package", "bin/agent"),))


def test_a_program_is_looked_for_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / name for name in ("setting", "variable", "path")]
    for place in places:
        place.mkdir()
    setting, variable, path = map(program, places)
    environ = {"JIDO_NB_AGENT_PATH": str(variable), "PATH": str(places[2])}
    assert find_executable("agent", WANTED, str(setting), environ) == [str(setting)]
    assert find_executable("agent", WANTED, None, environ) == [str(variable)]
    del environ["JIDO_NB_AGENT_PATH"]
    assert find_executable("agent", WANTED, None, environ) == [str(path)]
    assert find_executable("agent", WANTED, "agent", environ) == [str(path)]
    monkeypatch.chdir(places[0])
    assert find_executable("agent", WANTED, "./agent", environ) == [str(setting)]


def test_a_program_may_come_with_a_python_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_agent_sdk"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    wanted = Executable(names=("agent",), install="", bundled=(("some_agent_sdk", "bin/agent"),))
    found = program(package / "bin")
    assert find_executable("agent", wanted, None, {"PATH": ""}) == [str(found)]


@pytest.mark.parametrize(("path", "variable"), [(None, None), ("/no/such/agent", None), (None, "/etc/passwd")])
def test_a_program_that_is_missing_is_a_config_error_with_the_install_command(
    path: str | None, variable: str | None
) -> None:
    environ = {"PATH": "/no/such/folder", **({"JIDO_NB_AGENT_PATH": variable} if variable else {})}
    with pytest.raises(LLMError, match="Install it with: npm install -g agent") as caught:
        find_executable("agent", WANTED, path, environ)
    assert (caught.value.category, caught.value.details["install"]) == ("config", "npm install -g agent")
    if path or variable:
        assert str(path or variable) in caught.value.message


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "mode", "settings", "reason"),
    [
        ("not a program", 0o755, {}, "enoexec"),
        ("#!/no/such/interpreter\n", 0o755, {}, "enoent"),
        ("#!/bin/sh\n", 0o755, {"args": ["x" * 3_000_000]}, "argv_too_long"),
    ],
)
async def test_a_program_that_cannot_be_started_is_a_config_error(
    content: str, mode: int, settings: dict[str, Any], reason: str, tmp_path: Path, ask: Ask, harness: Open
) -> None:
    path = tmp_path / "agent"
    path.write_text(content)
    path.chmod(mode)
    async with harness({"simulated": {"path": str(path), **settings}}) as backend:
        with pytest.raises(LLMError) as caught:
            await backend.start(ask("simulated"))
    assert (caught.value.category, caught.value.details["reason"]) == ("config", reason)


@pytest.mark.anyio
async def test_an_argument_that_no_process_can_be_given_is_a_config_error(ask: Ask, harness: Open) -> None:
    async with harness({"simulated": {"args": ["a\0b"]}}) as backend:
        with pytest.raises(LLMError, match="cannot be passed on") as caught:
            await backend.start(ask("simulated"))
    assert caught.value.category == "config"


KERNEL = {
    "PATH": "/bin",
    "HOME": "/h",
    "LC_ALL": "C",
    "OPENAI_API_KEY": "sk-other",
    "ANTHROPIC_API_KEY": "sk-mine",
    "X": "1",
}


def test_an_agent_gets_the_allow_list_and_what_is_set_for_it() -> None:
    found = agent_environment(KERNEL, allowed=("ANTHROPIC_*",), extra={"MORE": "2"}, marker="m1")
    assert found == {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "ANTHROPIC_API_KEY": "sk-mine",
        "MORE": "2",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "JIDO_NB_RUN": "m1",
    }
    assert list(secrets_in(found)) == ["sk-mine"]


def test_a_run_inside_of_a_run_belongs_to_both() -> None:
    assert (
        agent_environment({"JIDO_NB_RUN": "outer"}, allowed=(), extra={}, marker="inner")["JIDO_NB_RUN"]
        == "outer,inner"
    )


@pytest.mark.anyio
async def test_the_kernels_keys_do_not_reach_the_agent_nor_its_own_the_errors(
    tmp_path: Path, ask: Ask, harness: Open
) -> None:
    path = tmp_path / "agent"
    path.write_text(f"#!{sys.executable}\nimport os, sys\nsys.stderr.write(repr(dict(os.environ)))\nsys.exit(1)\n")
    path.chmod(0o755)
    environ = {**os.environ, "OPENAI_API_KEY": "canary-of-the-kernel", "LANG": "C.UTF-8"}
    agents = {"simulated": {"path": str(path), "env": {"AGENT_TOKEN": "canary-of-the-agent"}}}
    async with harness(agents, environ) as backend:
        with pytest.raises(LLMError) as caught:
            await backend.start(ask("simulated"))
    said = str(caught.value.to_payload())
    assert "C.UTF-8" in said
    assert "canary" not in said


CLAUDE_ARGV: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a new session": ({}, ["--session-id", "s-1"]),
    "resumed": ({"session": SessionPlan("s-2", resume=True)}, ["--resume", "s-2"]),
    "forked": ({"session": SessionPlan("s-2", resume=True, fork=True)}, ["--resume", "s-2", "--fork-session"]),
    "a model": ({"model": "opus"}, ["--session-id", "s-1", "--model", "opus"]),
    "a system prompt": ({"system_prompt": "-x"}, ["--session-id", "s-1", "--append-system-prompt", "-x"]),
    "permissions": (
        {
            "settings": {
                "permission_mode": "plan",
                "allowed_tools": ["Read", "Bash(git log:*)"],
                "disallowed_tools": ["Web"],
            }
        },
        [
            *("--session-id", "s-1", "--permission-mode", "plan"),
            *("--allowedTools", "Read,Bash(git log:*)", "--disallowedTools", "Web"),
        ],
    ),
    "limits": (
        {"settings": {"max_turns": 3, "max_budget_usd": 0.5, "args": ["--bare"]}},
        ["--session-id", "s-1", "--max-turns", "3", "--max-budget-usd", "0.5", "--bare"],
    ),
}


@pytest.mark.parametrize("case", CLAUDE_ARGV)
def test_the_command_line_of_claude(case: str, run_of: RunOf) -> None:
    more, arguments = CLAUDE_ARGV[case]
    always = ["-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages"]
    assert Claude().argv(run_of("claude", **more)) == [*always, *arguments]


def test_claude_is_told_its_prompt_on_its_input_and_how_often_to_retry(run_of: RunOf) -> None:
    run = run_of("claude", prompt="-p é", settings={"max_retries": 0})
    assert Claude().stdin(run) == "-p é".encode()
    environment = Claude().environment(run)
    assert environment["CLAUDE_CODE_MAX_RETRIES"] == "0"
    assert environment["DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize(
    ("environ", "known"),
    [({"ANTHROPIC_API_KEY": "sk"}, True), ({"CLAUDE_CODE_OAUTH_TOKEN": "x"}, True), ({"ANTHROPIC_API_KEY": ""}, None)],
)
def test_whether_claude_is_logged_in(environ: dict[str, str], known: bool | None, tmp_path: Path) -> None:
    assert Claude().logged_in({"HOME": str(tmp_path), **environ}) is known


def test_claude_is_logged_in_where_it_left_its_credentials(tmp_path: Path) -> None:
    (tmp_path / ".credentials.json").touch()
    assert Claude().logged_in({"CLAUDE_CONFIG_DIR": str(tmp_path)}) is True
