"""The crash matrix on a server: it notices by itself that a process is gone, and what was promised is kept."""

import sys

import pytest

from jido_nb.testing.crash_matrix import SCENARIOS

from .crashing import crash_everywhere_on

pytestmark = [
    pytest.mark.needs("postgres"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork"),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_killed_at_any_commit_point_keeps_its_promises_on_a_server(scenario, nursery, server):
    crash_everywhere_on(server, nursery, scenario, "fail")
