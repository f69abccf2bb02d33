"""The crash matrix over SQLite files, one scenario and one policy at a time."""

import sqlite3
from contextlib import closing
from itertools import count

from jido_nb.testing.crash_matrix import check, crashes


def files_in(folder):
    """Gives the place of a journal that is not there yet, each time that it is called."""
    numbers = count()
    return lambda: str(folder / f"{next(numbers)}.sqlite")


def crash_everywhere(nursery, scenario, on_recovery, folder):
    died = set()
    for crash in crashes(nursery, scenario, files_in(folder), on_recovery):
        check(crash)
        with closing(sqlite3.connect(crash.order.location)) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",), str(crash)
        died.add(crash.order.point)
    assert len(died) > 10
