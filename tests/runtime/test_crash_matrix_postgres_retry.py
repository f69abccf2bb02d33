"""The crash matrix on a server where effects are driven again: what goes on makes no attempt twice, and ends."""

import sys

import pytest

from jido_nb.testing.crash_matrix import SCENARIOS

from .crashing import crash_everywhere_on

pytestmark = [
    pytest.mark.needs("postgres"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork"),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_killed_lets_its_effects_be_driven_again_on_a_server(scenario, nursery, server):
    crash_everywhere_on(server, nursery, scenario, "retry")
