"""Claims of one runtime on the conversations of a journal in PostgreSQL: locks of the session that writes."""

import os
from threading import Thread

import psycopg

from .claims import Taken
from .postgres_connect import explain
from .postgres_session import Session


class PostgresClaims:
    """See `claims.Claims`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pid = os.getpid()

    def claim(self, subject: str) -> str | None:
        """See `claims.Claims`. Raises JournalError: the server cannot be asked."""
        if self._has(subject):
            return None
        try:
            return self._session.claim(subject, self)
        except psycopg.Error as error:
            raise explain(error, self._session.place.location, "claim a conversation of") from None

    def taken(self, subject: str) -> Taken:
        return self._session.held[subject].taken

    def release(self, subject: str) -> None:
        if self._has(subject):
            # Whoever gives back must not wait for a network. It is rare: only conversations that leave memory are.
            Thread(target=self._session.forget([subject]), name="jido claims", daemon=True).start()

    def close(self) -> None:
        if self._pid == os.getpid():
            self._session.forget([subject for subject in list(self._session.held) if self._has(subject)])()

    def _has(self, subject: str) -> bool:
        held = self._session.held.get(subject)
        return held is not None and held.owner is self
