"""Binder's environment, built from the files in binder/ and nothing else, runs the first notebook."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
FIRST = "notebooks/01_quickstart.ipynb"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.sqlite*", "docs", "tests", "dist", "build")


class Built(NamedTuple):
    """A checkout, and the environment that Binder would have made of it."""

    checkout: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        run = subprocess.run(
            command, env=self.environment, cwd=self.checkout, capture_output=True, text=True, timeout=300, check=False
        )
        assert run.returncode == 0, run.stderr[-4000:]
        return run.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("binder")
    checkout = folder / "jido_nb"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT)
    here = Built(checkout, dict(os.environ))
    here.run(uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    programs = folder / "venv" / "bin"
    # What has been downloaded once is taken from there; all else of this machine's user stays out.
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "UV_CACHE_DIR": here.run(uv, "cache", "dir").strip(),
    }
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_")) or "proxy" in name.lower()
    }
    built = Built(checkout, {**kept, **environment})
    built.run(uv, "pip", "install", "--quiet", "--python", str(programs / "python"), "-r", "binder/requirements.txt")
    built.run("bash", "binder/postBuild")
    return built


def test_binder_asks_for_a_python_that_we_support() -> None:
    asked = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"python-3\.(11|12|13)", asked)


def test_every_requirement_is_pinned() -> None:
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in lines)


def test_lab_opens_the_first_notebook(built: Built) -> None:
    settings = json.loads(built.run("jupyter", "lab", "--show-config-json"))
    assert settings["LabApp"]["default_url"] == f"/lab/tree/{FIRST}"
    assert (built.checkout / FIRST).exists()


def test_the_first_notebook_runs_there(built: Built) -> None:
    built.run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", "executed", FIRST)
    notebook = nbformat.read(built.checkout / "notebooks" / "executed.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    home = built.run("python", "-P", "-c", "import jido_nb; print(jido_nb.__file__)")
    assert "site-packages" in home
