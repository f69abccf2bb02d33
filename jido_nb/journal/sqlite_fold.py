"""Folds the write-ahead log back into its file while others write.

SQLite would do it itself, in the middle of a commit: one in some hundred would take as long as two flushes of the disk,
and so would everything that waits for it, such as a cancel. A thread of its own does it beside the writer and holds
nobody up. Of what is written meanwhile a rest is left, which the writer folds when the log has become long.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Final

COMMITS: Final = 400
"""So many commits make some 2,000 pages of 4 KiB in the log."""
ROWS: Final = 16_000
CLOSE_LIMIT_S: Final = 1.0
"""How long closing waits for a fold. One that takes longer ends by itself."""


class Fold:
    """Of one journal. Belongs to whoever holds the lock of its writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._commits = self._rows = 0
        self._thread: Thread | None = None

    def wrote(self, rows: int) -> None:
        """Note a commit of so many rows; begin to fold when there is enough. Never waits."""
        self._commits += 1
        self._rows += rows
        if (self._commits < COMMITS and self._rows < ROWS) or self.running:
            return
        self._commits = self._rows = 0
        self._thread = Thread(target=self._run, name="jido journal fold", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Wait for the fold that is going on, in bounded time."""
        if self._thread is not None:
            self._thread.join(CLOSE_LIMIT_S)

    def _run(self) -> None:
        # What goes wrong here goes wrong for the writer too, who can tell somebody.
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", uri=True, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
