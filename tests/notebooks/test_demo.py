"""`jido-nb demo`, as a newcomer runs it: a real kernel, real files, and a terminal that tells what happened."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

import jido_nb
from jido_nb import cli
from jido_nb.simulator.texts import STORY

TOLD = (
    STORY.splitlines()[0],
    "One has only one divisor, so it is out.",
    "attempt 1: Service unavailable (provider); next try in",
    "attempt 2: Service unavailable (provider); next try in",
    "canceled: heard enough",
    "jido_nb.turns_df",
    "jido_nb.attempts_df",
    "jido_nb.cancels_df",
    "Replay: identical to the log",
    "jupyter lab",
)
"""What the terminal must show, in this order."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that one demo wrote, and its terminal."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "quickstart.sqlite").write_bytes(b"what an earlier demo left")
    command = [sys.executable, "-m", "jido_nb.cli", "demo", "--out", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_the_terminal_tells_the_session_in_order(told: tuple[Path, str]) -> None:
    _, text = told
    places = [text.find(words) for words in TOLD]
    assert -1 not in places, [words for words, place in zip(TOLD, places, strict=True) if place < 0]
    assert places == sorted(places)
    assert "\x1b" not in text, "no colors where there is no terminal"


def test_the_notebook_is_kept_with_its_outputs(told: tuple[Path, str]) -> None:
    folder, _ = told
    notebook = nbformat.read(folder / "01_quickstart.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)


def test_the_page_needs_nothing_from_elsewhere(told: tuple[Path, str]) -> None:
    folder, _ = told
    page = (folder / "01_quickstart.html").read_text(encoding="utf-8")
    assert "The lighthouse that counted" in page
    assert not re.search(r"""(?:src|href)=["']\s*(?:https?:)?//""", page)


def test_the_journal_is_one_file_that_replays(told: tuple[Path, str]) -> None:
    folder, _ = told
    journal = folder / "quickstart.sqlite"
    alone = folder / "alone.sqlite"
    alone.write_bytes(journal.read_bytes())
    assert jido_nb.replay(alone).identical
    assert set(jido_nb.turns_df(alone)["status"]) == {"completed", "failed", "canceled"}
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_folder_that_cannot_be_had_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["demo", "--out", str(tmp_path / "file" / "below")]) == cli.WRONG_USE
    assert capsys.readouterr().err.startswith("jido-nb demo: cannot write to ")
