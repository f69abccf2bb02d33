"""`needs(...)`: a test without its program is skipped on a desk and failed in CI, and a slip in a name is an error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent / "conftest.py"
TEST = """
import pytest

@pytest.mark.needs({program!r})
def test_something():
    pass
"""


@pytest.mark.parametrize(
    ("program", "required", "told", "status"),
    [
        ("chromium", "", "1 skipped", 0),
        ("chromium", "node", "1 skipped", 0),
        ("chromium", "chromium, node", "says that it must be", 1),
        ("chromuim", "", "needs chromuim: not in PROGRAMS", 4),
        ("chromium", "chromuim", "JIDO_NB_REQUIRE names chromuim", 4),
    ],
)
def test_what_a_missing_program_means(program: str, required: str, told: str, status: int, tmp_path: Path) -> None:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_it.py").write_text(TEST.format(program=program))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs(*programs)\n")
    environment = {**os.environ, "PATH": "", "JIDO_NB_REQUIRE": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == status, run.stdout
    assert told in run.stdout + run.stderr
