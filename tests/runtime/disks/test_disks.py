"""A disk that is really full, and one that is really read-only: each is told of by name, and nothing is lost by it."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import UNSHARE
from .on_a_disk import SCENES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("scene", SCENES)
def test_a_disk_that_takes_nothing_more_is_told_of_and_loses_nothing(scene, tmp_path):
    mount = f'mount -t tmpfs -o size={SCENES[scene].size} tmpfs "$0" && exec "$@"'
    scene = [sys.executable, "-W", "error", "-m", "tests.runtime.disks.on_a_disk", scene, str(tmp_path)]
    command = [*UNSHARE, "sh", "-c", mount, str(tmp_path), *scene]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
