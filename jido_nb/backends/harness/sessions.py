"""Which session of which agent belongs to a conversation, and what that agent has been told already.

Kept in memory: after a restart the agent begins a new session, and is told the whole conversation again.

Rule 1: a run that completed, or was canceled after it had said something, leaves its session to the next run.
Rule 2: a run that failed changes nothing: its session, if it was new, is not kept, so that a retry is told everything.
        A session that its agent no longer has is forgotten.
Rule 3: what the agent has not seen (answers of other models in between) is told with the next message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...llm.request import Message
from .prompt import fingerprint, message_text

MAX_SESSIONS = 1000

Place = tuple[str, str, str | None]
"""(conversation, agent, working directory): an agent in another folder is another session."""


@dataclass(frozen=True, slots=True)
class Session:
    """`known` are the fingerprints of the messages that it holds, in order."""

    id: str
    known: tuple[str, ...] = ()
    totals: Mapping[str, Any] = field(default_factory=dict)

    def unseen(self, messages: Sequence[Message]) -> list[Message]:
        """Those of `messages` that it has not been told; the last one always."""
        *earlier, last = messages
        prints = [fingerprint(message.role, message_text(message)) for message in earlier]
        for known in reversed(self.known):
            for index in range(len(prints) - 1, -1, -1):
                if prints[index] == known:
                    return [*earlier[index + 1 :], last]
        return [last]


class Sessions:
    """The sessions of all conversations, the latest `MAX_SESSIONS` of them."""

    def __init__(self) -> None:
        self._sessions: dict[Place, Session] = {}

    def find(self, place: Place) -> Session | None:
        return self._sessions.get(place)

    def keep(self, place: Place, session: Session) -> None:
        self._sessions.pop(place, None)
        self._sessions[place] = session
        if len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def forget(self, place: Place, session_id: str | None) -> None:
        """Drop it, if it is this one."""
        session = self._sessions.get(place)
        if session is not None and session.id == session_id:
            del self._sessions[place]


def told(messages: Sequence[Message], answer: str | None) -> tuple[str, ...]:
    """The fingerprints of a session that has been told `messages` and has answered; None: it was interrupted."""
    known = [fingerprint(message.role, message_text(message)) for message in messages]
    return (*known, fingerprint("assistant", answer)) if answer is not None else tuple(known)
