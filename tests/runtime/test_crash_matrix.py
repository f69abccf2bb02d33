"""Wherever the process dies: nothing acknowledged is lost, every effect ends, nothing comes twice, the log replays."""

import sqlite3
import sys
from contextlib import closing
from itertools import count, islice

import pytest

from jido_nb.journal.commit_points import POINTS
from jido_nb.testing.crash_matrix import SCENARIOS, check, crashes
from jido_nb.testing.crash_nursery import open_nursery

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")


@pytest.fixture(scope="module")
def nursery():
    with open_nursery() as opened:
        yield opened


@pytest.fixture
def new_location(tmp_path):
    numbers = count()
    return lambda: str(tmp_path / f"{next(numbers)}.sqlite")


@pytest.mark.parametrize("on_recovery", ["fail", "retry"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_killed_at_any_commit_point_keeps_its_promises(scenario, on_recovery, nursery, new_location):
    died = set()
    for crash in crashes(nursery, scenario, new_location, on_recovery):
        check(crash)
        with closing(sqlite3.connect(crash.order.location)) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",), str(crash)
        died.add(crash.order.point)
    assert len(died) > 10


def test_every_commit_point_is_passed_by_some_scenario(nursery, new_location):
    passed = set()
    for scenario in SCENARIOS:
        (crash,) = islice(crashes(nursery, scenario, new_location), 1)
        passed |= crash.lives[-1].passed.keys()
    assert passed == POINTS.keys()
