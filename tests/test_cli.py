"""The command line: what it offers, and what it says to a slip."""

import re

import pytest

from jido_nb import __version__, cli
from jido_nb.errors import ConfigError


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"], ["help"]])
def test_help_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == 0
    told = capsys.readouterr().out
    assert all(f"jido-nb {name}" in told for name in cli.COMMANDS)


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_it_tells_its_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([flag]) == 0
    assert capsys.readouterr().out == f"jido-nb {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "offered"),
    [
        (["dmeo"], "'demo'"),
        (["simulte", "--port", "1"], "'simulate'"),
        (["--versoin"], "'--version'"),
        (["demo", "--ot=x"], "'--out'"),
        (["demo", "--no-htlm"], "'--no-html'"),
        (["simulate", "--lits"], "'--list'"),
        (["docter"], "'doctor'"),
    ],
)
def test_a_slip_gets_the_closest_right_word(argv: list[str], offered: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = cli.main(argv)
    except SystemExit as left:
        status = left.code
    assert status == cli.WRONG_USE
    assert f"Did you mean {offered}?" in capsys.readouterr().err


def test_a_command_lists_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["demo", "--help"])
    assert left.value.code == 0
    assert "--no-html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "status", "told"),
    [
        (ConfigError("no such folder"), cli.WRONG_USE, "jido-nb fail: no such folder\n"),
        (KeyboardInterrupt(), cli.INTERRUPTED, "\n"),
    ],
)
def test_an_error_for_people_is_one_line_and_a_status(
    raised: BaseException,
    status: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(argv: object) -> int:
        raise raised

    monkeypatch.setitem(cli.COMMANDS, "fail", cli.Command(fail, "fails"))
    assert cli.main(["fail"]) == status
    assert capsys.readouterr().err == told


def test_doctor_says_what_is_here_and_of_each_agent_how_a_cancel_works_or_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-to-be-shown")
    monkeypatch.setenv("JIDO_NB_CLAUDE_PATH", "")
    monkeypatch.setattr("jido_nb.backends.harness.executable._bundled", lambda package, inside: None)
    assert cli.main(["doctor"]) == 0
    told = capsys.readouterr().out
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in told.splitlines())
    assert lines["jido_nb"] == __version__
    assert lines["key for anthropic"] == "ANTHROPIC_API_KEY is set"
    assert lines["agent simulated"].startswith("1.0 at ")
    assert lines["agent simulated"].endswith("logged in; cancel: SIGINT")
    assert "npm install -g @anthropic-ai/claude-code" in lines["agent claude"]
    assert "sk-not-to-be-shown" not in told


def test_doctor_says_which_setting_of_an_agent_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIDO_NB_LLM__BACKENDS__HARNESS__AGENTS", '{"claude": {"modle": "opus"}}')
    assert cli.main(["doctor"]) == 0
    assert "agents" in (told := capsys.readouterr().out)
    assert "Did you mean 'model'?" in told
