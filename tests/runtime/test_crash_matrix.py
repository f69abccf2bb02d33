"""Wherever the process dies: nothing acknowledged is lost, every effect ends, nothing comes twice, the log replays."""

import sys
from itertools import islice

import pytest

from jido_nb.journal.commit_points import POINTS
from jido_nb.testing.crash_matrix import SCENARIOS, crashes

from .crashing import crash_everywhere, files_in, is_sound

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_killed_at_any_commit_point_keeps_its_promises(scenario, nursery, tmp_path):
    crash_everywhere(nursery, scenario, "fail", files_in(tmp_path), is_sound)


def test_every_commit_point_is_passed_by_some_scenario(nursery, tmp_path):
    passed = set()
    for number, scenario in enumerate(SCENARIOS):
        (folder := tmp_path / str(number)).mkdir()
        (crash,) = islice(crashes(nursery, scenario, files_in(folder)), 1)
        passed |= crash.lives[-1].passed.keys()
    assert passed == POINTS.keys()
