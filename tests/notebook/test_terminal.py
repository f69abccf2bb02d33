"""In plain IPython the answer is written as it comes, and cannot steer the terminal."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from jido_nb.errors import printable
from jido_nb.notebook.terminal import TerminalStory

from .turns import ToldTurn


def told(turn: ToldTurn) -> io.StringIO:
    out = io.StringIO()
    story = TerminalStory(turn.view, out)

    def watch(_view: object, events: list) -> None:  # type: ignore[type-arg]
        for event in events:
            story.tell(event)

    turn.watch(watch)
    return out


def test_pieces_are_written_at_once_and_never_twice() -> None:
    turn = ToldTurn()
    out = told(turn)
    turn.start()
    turn.say("Hel")
    assert out.getvalue() == "Hel"
    turn.say("lo")
    turn.complete()
    assert out.getvalue() == "Hello\n"


def test_an_answer_that_was_not_streamed_is_written_at_the_end() -> None:
    turn = ToldTurn()
    out = told(turn)
    turn.start()
    turn.complete("Whole.")
    assert out.getvalue() == "Whole.\n"


def test_retries_and_endings_are_told() -> None:
    turn = ToldTurn()
    out = told(turn)
    turn.start()
    turn.say("wrong")
    turn.retry()
    turn.again()
    turn.say("half", attempt=2)
    turn.fail()
    assert out.getvalue() == (
        "wrong\n[attempt 1: 503 overloaded (provider), its text was discarded]\nhalf\n[provider: 503 overloaded]\n"
    )


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "a\rb", "\x08", "\x00", "\x7f"])
def test_a_model_cannot_steer_the_terminal(text: str) -> None:
    assert all(char in "\t\n" or char.isprintable() or char == "\ufffd" for char in printable(text))


def test_text_stays_text() -> None:
    assert printable("tab\t, line\n, é, 😀, 漢") == "tab\t, line\n, é, 😀, 漢"
    assert printable("a line of Windows\r\nand one\rover it") == "a line of Windows\nand one␍over it"


def test_ipython_without_a_kernel_shows_the_answer_once(tmp_path: Path) -> None:
    script = tmp_path / "cells.ipy"
    script.write_text(
        "%load_ext jido_nb\nturn = get_ipython().run_cell_magic('jido', '-m simulated:thinking', 'hello')\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "There are **4** primes below ten: 2, 3, 5 and 7.\n"


def test_what_harms_shows_as_text_in_ipython_without_a_kernel(tmp_path: Path) -> None:
    script = tmp_path / "cells.ipy"
    script.write_text(
        "import jido_nb\n%load_ext jido_nb\n"
        "turn = get_ipython().run_cell_magic('jido', '-m simulated:hostile', 'hello')\n"
        "_ = get_ipython().run_cell_magic('jido', '-m simulated:echo --show-prompt --no-interpolate', turn.text)\n"
        "display(turn, jido_nb.turns_df(jido), jido.watch(), jido.health(), jido.telemetry())\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert "pwned" in shown
    assert all(char == "\n" or char == "\t" or (char >= " " and not "\x7f" <= char <= "\x9f") for char in shown)
