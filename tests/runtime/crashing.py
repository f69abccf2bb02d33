"""The crash matrix, one scenario and one policy at a time: over SQLite files, and over journals of a server."""

import sqlite3
import time
from contextlib import closing
from itertools import count

from jido_nb.journal.commit_points import POINTS
from jido_nb.testing.crash_matrix import check, crashes

OF_THE_JOURNAL = {point for point in POINTS if point.startswith("journal.")}


def files_in(folder):
    """Gives the place of a journal that is not there yet, each time that it is called."""
    numbers = count()
    return lambda: str(folder / f"{next(numbers)}.sqlite")


def crash_everywhere(nursery, scenario, on_recovery, new_location, before_check):
    """Hold each crash of a scenario to what was promised. `before_check` is given each, before it is checked."""
    died = set()
    for crash in crashes(nursery, scenario, new_location, on_recovery):
        before_check(crash)
        check(crash)
        died.add(crash.order.point)
    assert len(died) > 10
    assert died.issuperset(OF_THE_JOURNAL)


def is_sound(crash):
    """The file of a crash is one that SQLite finds nothing wrong with."""
    with closing(sqlite3.connect(crash.order.location)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",), str(crash)


def crash_everywhere_on(server, nursery, scenario, on_recovery):
    """As `crash_everywhere`, each time in another schema of one database."""
    numbers, name = count(), f"{scenario.replace(' ', '_')}_{on_recovery}"

    def new_location():
        return f"{server}?schema={name}_{next(numbers)}"

    crash_everywhere(nursery, scenario, on_recovery, new_location, lambda crash: wait_until_alone(server))


def wait_until_alone(server):
    """Return when no session but our own is left: the dead one's claims have gone with it."""
    import psycopg

    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 30
    with psycopg.connect(server, autocommit=True) as connection:
        while connection.execute(others).fetchone() != (0,):
            assert time.monotonic() < deadline, "the server keeps the session of a process that is dead"
            time.sleep(0.005)
