"""The crash matrix on a server: it notices by itself that a process is gone, and what was promised is kept."""

import sys
import time
from itertools import count

import pytest

from jido_nb.testing.crash_matrix import check, crashes

from ..journal.postgres_server import postgres_server

pytestmark = [
    pytest.mark.needs("postgres"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork"),
]


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


def wait_until_alone(server):
    """Return when no session but our own is left: the dead one's claims have gone with it."""
    import psycopg

    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 30
    with psycopg.connect(server, autocommit=True) as connection:
        while connection.execute(others).fetchone() != (0,):
            assert time.monotonic() < deadline, "the server keeps the session of a process that is dead"
            time.sleep(0.005)


POINTS = ("journal.begun", "journal.written", "journal.committed", "ingest.durable")
"""Those at which it matters that the journal is a server; the others are passed in the same way over a file."""


@pytest.mark.parametrize(("scenario", "on_recovery"), [("streaming", "retry"), ("canceling", "fail")])
def test_a_process_that_is_killed_keeps_its_promises_on_a_server(scenario, on_recovery, nursery, server):
    numbers, died = count(), set()

    def new_location():
        return f"{server}?schema={scenario}_{next(numbers)}"

    for crash in crashes(nursery, scenario, new_location, on_recovery, POINTS):
        wait_until_alone(server)
        check(crash)
        died.add(crash.order.point)
    assert died == {None, *POINTS}
