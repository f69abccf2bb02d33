"""Claims on the conversations of a journal in PostgreSQL: advisory locks of one session, which end with it."""

import os
import socket
from contextlib import suppress
from hashlib import sha256
from threading import Lock, Thread

import psycopg
from psycopg import Connection

from .codec import Row
from .postgres_connect import Place, connect, explain

_HOLDER = """
    SELECT a.application_name, a.client_addr FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = a.datid
    AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""


class PostgresClaims:
    """See `claims.Claims`. A session of its own, which lives as long as the claims do."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._mine: set[str] = set()
        self._freed: list[int] = []
        self._lock = Lock()
        self._connection: Connection[Row] | None = None

    def claim(self, subject: str) -> str | None:
        """See `claims.Claims`. Raises JournalError: the server cannot be asked."""
        if subject in self._mine:
            return None
        key = self._key(subject)
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = connect(
                        self._place, name=f"jido_nb process {os.getpid()} on {socket.gethostname()}"
                    )
                answer = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
                if answer is not None and answer[0]:
                    self._mine.add(subject)
                    return None
                found = self._connection.execute(_HOLDER, (key,)).fetchone()
        except psycopg.Error as error:
            raise explain(error, self._place.location, "claim a conversation of") from None
        return found[0].removeprefix("jido_nb ") if found else "another process"

    def release(self, subject: str) -> None:
        if subject in self._mine:
            self._mine.remove(subject)
            self._freed.append(self._key(subject))
            # Whoever gives back must not wait for a network. It is rare: only conversations that leave memory are.
            Thread(target=self._unlock, name="jido claims", daemon=True).start()

    def _unlock(self) -> None:
        # A session that is gone has given everything back.
        with self._lock, suppress(psycopg.Error):
            while self._freed and self._connection is not None:
                self._connection.execute("SELECT pg_advisory_unlock(%s)", (self._freed.pop(),))

    def _key(self, subject: str) -> int:
        return int.from_bytes(sha256(f"{self._place.schema}\0{subject}".encode()).digest()[:8], signed=True)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._mine.clear()
