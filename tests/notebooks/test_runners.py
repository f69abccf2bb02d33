"""The runners that people use, as they use them: the answer is in the file, and a failure fails the run."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
import pytest

from jido_nb.testing.notebooks import SANITIZE

ASK = "%%jido -m simulated:flaky-503 -o turn\nhello"
FAIL = "%%jido -m simulated:unauthorized\nhello"
CHECK = "assert turn.status == 'completed'\nturn.attempts"

Runner = Callable[[str, str], list[str]]

RUNNERS: dict[str, Runner] = {
    "papermill": lambda given, done: ["papermill", given, done, "--no-progress-bar", "--log-level", "WARNING"],
    "nbconvert": lambda given, done: ["nbconvert", "--to", "notebook", "--execute", given, "--output", done],
}


def written(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext jido_nb", *sources)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JIDO_NB_")}
    # As far from this repository's own settings of pytest as a notebook of one's own.
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180
    )


@pytest.fixture(scope="module")
def done_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """done_by(runner): the small notebook, executed by that runner, once."""

    @cache
    def execute(runner: str) -> Path:
        folder = tmp_path_factory.mktemp(runner)
        written(folder / "given.ipynb", ASK, CHECK)
        ran = run(folder, *RUNNERS[runner]("given.ipynb", "done.ipynb"))
        assert ran.returncode == 0, ran.stderr
        return folder / "done.ipynb"

    return execute


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_runner_keeps_the_answer(runner: str, done_by: Callable[[str], Path]) -> None:
    done = nbformat.read(done_by(runner), as_version=4)
    nbformat.validate(done)
    _, asked, checked = (cell for cell in done.cells if cell.cell_type == "code")
    (output,) = asked.outputs
    assert output.output_type == "display_data"
    assert "[attempt 2: Service unavailable (provider)]" in output.data["text/plain"]
    assert output.metadata["jido_nb"]["status"] == "completed"
    assert checked.outputs[0].data["text/plain"] == "3"
    assert "widgets" not in done.metadata


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_runner_stops_at_a_failure(runner: str, tmp_path: Path) -> None:
    written(tmp_path / "given.ipynb", FAIL, "open('went-on', 'w').close()")
    ran = run(tmp_path, *RUNNERS[runner]("given.ipynb", "done.ipynb"))
    assert ran.returncode != 0
    assert "GenerationFailed" in ran.stderr
    assert not (tmp_path / "went-on").exists()


def test_nbval_finds_the_outputs_that_a_runner_wrote_and_only_those(
    tmp_path: Path, done_by: Callable[[str], Path]
) -> None:
    done = nbformat.read(done_by("nbconvert"), as_version=4)
    nbformat.write(done, tmp_path / "same.ipynb")
    done.cells[1].outputs[0].data["text/plain"] = "something else"
    nbformat.write(done, tmp_path / "other.ipynb")
    strict = ["-p", "no:cacheprovider", "--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZE}"]
    ran = run(tmp_path, "pytest", *strict, "same.ipynb", "other.ipynb")
    assert "FAILED other.ipynb::Cell 1" in ran.stdout
    assert "1 failed, 5 passed" in ran.stdout
