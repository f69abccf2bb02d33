"""The committed bundles are the ones that the sources give; `npm run build` in jido_nb/notebook/js makes them."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

import jido_nb.notebook

ROOM = Path(jido_nb.notebook.__path__[0])
JS = ROOM / "js"


@pytest.mark.parametrize("name", ["hub", "view"])
def test_the_bundle_is_not_stale(name: str) -> None:
    digest = hashlib.sha256()
    sources = sorted(f"src/{path.name}" for path in (JS / "src").iterdir())
    for source in [*sources, "build.mjs", "package.json", "package-lock.json"]:
        digest.update(f"{source}\n".encode() + (JS / source).read_bytes())
    first_line = (ROOM / "static" / f"{name}.js").read_text(encoding="utf-8").split("\n")[0]
    assert digest.hexdigest()[:16] in first_line, (
        "the bundle is stale: run `npm ci && npm run build` in jido_nb/notebook/js"
    )


@pytest.mark.parametrize("name", ["hub", "view"])
def test_the_bundle_loads_nothing_from_elsewhere(name: str) -> None:
    bundle = (ROOM / "static" / f"{name}.js").read_text(encoding="utf-8")
    assert not re.search(r"\bimport\s*\(|\bfrom\s*[\"']https?:|@import|url\(\s*[\"']?(https?:|//)", bundle)


def test_the_view_that_travels_with_each_turn_is_small() -> None:
    assert (ROOM / "static" / "view.js").stat().st_size < 1000
    assert (ROOM / "static" / "hub.js").stat().st_size < 110_000


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((JS / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())


@pytest.mark.needs("node")
def test_the_browser_puts_text_together_exactly() -> None:
    tests = sorted(str(path) for path in (JS / "test").glob("*.test.js"))
    node = subprocess.run(["node", "--test", *tests], capture_output=True, text=True, timeout=120, check=False)
    assert node.returncode == 0, node.stdout
