"""The session of a journal in PostgreSQL that writes, and that holds the claims on conversations.

Claims are locks of the session that writes. So whoever has lost them cannot write: a session that is made in the place
of one that ended takes them again before anything else, and is refused where somebody else was there meanwhile.
"""

import os
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from hashlib import sha256
from threading import Lock
from typing import NamedTuple, TypeVar

import psycopg
from psycopg import Connection

from ..errors import ClosedError, JournalError
from .claims import Taken
from .codec import Row
from .postgres_connect import Place, connect

T = TypeVar("T")

RELEASE_LIMIT_S = 5.0
"""How long a new session waits for the locks of the one that ended: the server gives them up a moment later."""

_RETRY_S = 0.01

_LOCK = "SELECT pg_try_advisory_lock(%s)"

_LOCK_ALL = "SELECT subject, pg_try_advisory_lock(key) FROM unnest(%s::text[], %s::bigint[]) AS asked (subject, key)"

_UNLOCK = "SELECT pg_advisory_unlock(key) FROM unnest(%s::bigint[]) AS given (key)"

_STANDS = """
    SELECT coalesce((SELECT max(seq) FROM signals), 0), EXISTS (SELECT 1 FROM signals WHERE subject = %s)
"""

_HOLDER = """
    SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = a.datid
    AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""

_WRITTEN_MEANWHILE = """
    SELECT s.subject FROM signals AS s JOIN unnest(%s::text[], %s::bigint[]) AS held (subject, seq)
    ON s.subject = held.subject AND s.seq > held.seq LIMIT 1
"""


class Claim(NamedTuple):
    """On one conversation: whose of this process, and what was found when it was made."""

    owner: object
    taken: Taken


class Session:
    """One connection, for one thread at a time; made when it is first needed, and made again when it has ended."""

    def __init__(self, place: Place, connection: Connection[Row] | None) -> None:
        self.place = place
        self.last = 0
        """The largest `seq` that it wrote."""
        self.held: dict[str, Claim] = {}
        """By conversation."""
        self._connection = connection
        self._closed = False
        self._lock = Lock()

    def run(self, work: Callable[[Connection[Row]], T]) -> T:
        """What `work` gives. It is done once more where the session ended under it, so that must do no harm.

        Raises:
            psycopg.Error: it failed, or there is no session to be had.
            JournalError: what was claimed is somebody else's by now.
        """
        with self._lock:
            connection = self._alive()
            try:
                return work(connection)
            except psycopg.OperationalError:
                if not connection.broken:
                    raise
            return work(self._alive())

    def claim(self, subject: str, owner: object) -> str | None:
        """Take a conversation; None, or who has it. Raises as `run`."""

        def claim(connection: Connection[Row]) -> str | None:
            if subject in self.held:
                return "another Lab or runtime of this process"
            # One after the other, on one way there and back: it is looked at when it is locked.
            with connection.pipeline():
                locked = connection.execute(_LOCK, (self._key(subject),))
                stands = connection.execute(_STANDS, (subject,))
            if locked.fetchall()[0][0]:
                self.held[subject] = Claim(owner, Taken(*stands.fetchall()[0]))
                return None
            return self._holder(connection, subject)

        return self.run(claim)

    def forget(self, subjects: Collection[str]) -> Callable[[], None]:
        """Give conversations back, as far as this process goes; what comes of it lets others have them."""
        keys = [self._key(subject) for subject in subjects if self.held.pop(subject, None) is not None]
        connection = self._connection

        def unlock() -> None:
            with self._lock, suppress(psycopg.Error):
                # A session that has ended has given them back already, and the one after it may have them again.
                if keys and connection is self._connection and connection is not None and not connection.closed:
                    connection.execute(_UNLOCK, (keys,))

        return unlock

    def close(self) -> None:
        """End it; whoever uses it after that is told so."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()

    def _alive(self) -> Connection[Row]:
        if self._closed:
            raise ClosedError(f"the journal {self.place.location} is closed")
        if self._connection is None or self._connection.closed:
            connection = connect(self.place, name=session_name())
            try:
                self._take_again(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _take_again(self, connection: Connection[Row]) -> None:
        held, deadline = dict(self.held), time.monotonic() + RELEASE_LIMIT_S
        missing = set(held)
        while missing:
            asked = connection.execute(_LOCK_ALL, ([*missing], [self._key(subject) for subject in missing])).fetchall()
            missing.difference_update(subject for subject, locked in asked if locked)
            if missing and time.monotonic() > deadline:
                subject = missing.pop()
                raise self._lost(subject, f"is in use by {self._holder(connection, subject)}")
            if missing:
                time.sleep(_RETRY_S)
        behind = [max(claim.taken.seq, self.last) for claim in held.values()]
        if held and (written := connection.execute(_WRITTEN_MEANWHILE, ([*held], behind)).fetchone()):
            raise self._lost(written[0], "was written by somebody else")

    def _lost(self, subject: str, what: str) -> JournalError:
        message = (
            f"the session with {self.place.location} ended, and meanwhile the conversation {subject!r} {what}; nothing "
            "more is written from here. Open the journal again"
        )
        return JournalError(message, path=self.place.location)

    def _holder(self, connection: Connection[Row], subject: str) -> str:
        found = connection.execute(_HOLDER, (self._key(subject),)).fetchone()
        return found[0].removeprefix("jido_nb ") if found else "another process"

    def _key(self, subject: str) -> int:
        return int.from_bytes(sha256(f"{self.place.schema}\0{subject}".encode()).digest()[:8], signed=True)


def session_name() -> str:
    """What the server calls a session of this process that writes; whoever finds a conversation in use is told it."""
    return f"jido_nb process {os.getpid()} on {socket.gethostname()}"
