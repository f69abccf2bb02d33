"""What `doctor` says of the agents: programs are found, asked for their version in bounded time, and left in peace."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jido_nb.backends.harness.agents.table import AGENTS, agent_of
from jido_nb.backends.harness.survey import VERSION_LIMIT_S, Surveyed, survey
from jido_nb.errors import ConfigError
from jido_nb.llm.settings import BackendSettings

Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """program("print(1)") -> the path of a program that runs this Python, with its arguments in `sys.argv`."""

    def write(code: str) -> str:
        path = tmp_path / "claude"
        path.write_text(f"#!{sys.executable} -IS\nimport os, subprocess, sys, time\n{code}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


def look(
    agents: dict[str, Any] | None = None, environ: dict[str, str] | None = None, limit_s: float = VERSION_LIMIT_S
) -> dict[str, Surveyed]:
    table = BackendSettings(agents=agents or {})
    return {
        found.name: found for found in survey(table, {"PATH": "/no/such/folder"} | (environ or {}), limit_s=limit_s)
    }


def test_every_agent_is_listed_and_the_stand_in_is_always_there() -> None:
    found = look()
    assert list(found) == list(AGENTS)
    stand_in = found["simulated"]
    assert stand_in.program[-1] == "jido_nb.simulator.agent_cli"
    assert (stand_in.version, stand_in.logged_in, stand_in.problem) == ("1.0", True, None)


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "simulated"])
def test_an_agent_that_is_not_here_comes_with_its_install_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido_nb.backends.harness.executable._bundled", lambda package, inside: None)
    found = look()[name]
    assert (found.program, found.version, found.logged_in) == ((), None, None)
    assert agent_of(name).executable.install in str(found.problem)
    assert found.cancels_by == agent_of(name).cancels_by


@pytest.mark.parametrize(
    ("code", "version"),
    [
        ("print('2.1.329 (Claude Code)')", "2.1.329"),
        ("print('codex-cli 0.169.0-alpha.1')", "0.169.0-alpha.1"),
        ("print('hello')", None),
        ("print('3.4'); sys.exit(1)", None),
        ("print(sys.argv[1:] == ['--version'] and '5.6')", "5.6"),
        ("sys.stdin.read(); print('7.8')", "7.8"),
        ("os.write(1, b'\\xff 9.0 ' + b'x' * 30000)", "9.0"),
        ("print('1.2'); sys.exit('MY_SECRET' in os.environ)", "1.2"),
    ],
)
def test_the_version_is_what_the_program_says(program: Program, code: str, version: str | None) -> None:
    found = look({"claude": {"path": program(code)}}, {"MY_SECRET": "k"})["claude"]
    assert (found.version, found.problem) == (version, None)


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(3600)",
        "while True: print('1.0')",
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'], start_new_session=True).wait()",
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'], start_new_session=True)",
    ],
    ids=["silent", "babbling", "waiting for a child", "leaving a child behind"],
)
def test_a_program_that_does_not_end_is_waited_for_no_longer_than_said(
    program: Program, code: str, offspring: Any
) -> None:
    began = time.monotonic()
    found = look({"claude": {"path": program(code)}}, dict(os.environ), limit_s=0.5)["claude"]
    assert time.monotonic() - began < 5
    assert (found.version, found.problem) == (None, None)
    assert offspring() == []


@pytest.mark.parametrize(
    ("environ", "logged_in"), [({}, None), ({"ANTHROPIC_API_KEY": "k"}, True), ({"ANTHROPIC_API_KEY": ""}, None)]
)
def test_a_key_is_a_login_and_without_one_nobody_knows(
    program: Program, environ: dict[str, str], logged_in: bool | None, tmp_path: Path
) -> None:
    path = program("print('1.0')")
    found = look({"claude": {"path": path}}, {"HOME": str(tmp_path), **environ})["claude"]
    assert found.logged_in is logged_in


def test_rows_of_the_settings_are_agents_too(program: Program) -> None:
    found = look({"mine": {"kind": "claude", "path": program("print('1.0')"), "env": {"ANTHROPIC_API_KEY": "k"}}})
    assert (found["mine"].version, found["mine"].logged_in) == ("1.0", True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"claude": {"path": "/no/such/claude"}}, "/no/such/claude"),
        ({"opencode": {"path": sys.executable, "permission_mode": "edti"}}, "Did you mean 'edit'?"),
    ],
)
def test_what_is_wrong_with_one_agent_is_told_beside_it(row: dict[str, Any], words: str) -> None:
    found = look(row)
    (name,) = row
    assert words in str(found[name].problem)
    assert found["simulated"].version == "1.0"


def test_a_wrong_setting_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'path'\?"):
        look({"claude": {"paht": "claude"}})
