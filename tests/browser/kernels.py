"""The ipykernels that pages are tested on: the one of this environment, and older ones laid over it.

An older one is the same environment with another ipykernel first on the path: everything but that one package, and
what it needs, stays the tested one, and it is there in a second.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

NEWEST = "newest"
KERNELS: Mapping[str, tuple[str, ...]] = {
    NEWEST: (),
    "7.3": ("ipykernel==7.3.0",),
    "6.31": ("ipykernel==6.31.0", "nest-asyncio==1.6.0"),
}
"""What is laid over the environment, by the name that tests use. Nothing: the kernel that is installed."""

HEARS_WHILE_BLOCKED = {NEWEST: True, "7.3": True, "6.31": False}
"""Whether a click reaches the kernel while a cell runs: kernels before 7 have one shell for both."""


def install_kernel(name: str, data_dir: Path) -> str:
    """Make kernel `name` known to servers with this JUPYTER_DATA_DIR; returns what it is called there."""
    packages = KERNELS[name]
    if not packages:
        return "python3"
    spec = data_dir / "kernels" / f"ipykernel-{name}"
    if not (spec / "kernel.json").exists():
        overlay = data_dir / "overlays" / name
        _install(packages, overlay)
        spec.mkdir(parents=True)
        path = os.pathsep.join([str(overlay), *filter(None, [os.environ.get("PYTHONPATH")])])
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"argv": argv, "display_name": f"ipykernel {name}", "language": "python", "env": {"PYTHONPATH": path}}
        (spec / "kernel.json").write_text(json.dumps(about))
    return spec.name


def _install(packages: tuple[str, ...], folder: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    installer = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(
        [*installer, "--quiet", "--no-deps", "--target", str(folder), *packages],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder.parent,  # not in the checkout: its pins would have their say
        check=False,
    )
    if run.returncode:
        lacking = f"{' '.join(packages)} cannot be installed: {run.stderr.strip()[-500:]}"
        if "chromium" in os.environ.get("JIDO_NB_REQUIRE", ""):
            pytest.fail(lacking, pytrace=False)
        pytest.skip(lacking)
