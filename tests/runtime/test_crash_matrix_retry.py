"""The crash matrix where effects are driven again: what goes on makes no attempt twice, and ends."""

import sys

import pytest

from jido_nb.testing.crash_matrix import SCENARIOS

from .crashing import crash_everywhere, files_in, is_sound

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_killed_at_any_commit_point_lets_its_effects_be_driven_again(scenario, nursery, tmp_path):
    crash_everywhere(nursery, scenario, "retry", files_in(tmp_path), is_sound)
