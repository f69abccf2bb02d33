"""Which session of which agent belongs to a conversation, and what that agent has been told already.

Nothing is kept here. A run says in its note what the next one needs to go on with its session, the runtime writes the
note into the journal with the end of the run, and hands those of a conversation to its next request, as
`metadata["sessions"]`, latest first. So a conversation goes on with its sessions also after a restart.

Rule 1: a run that completed, or was canceled after it had said something, leaves its session to the next run.
Rule 2: a run that failed changes nothing: its session, if it was new, is not kept, so that a retry is told everything.
Rule 3: what the agent has not seen (answers of other models in between) is told with the next message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...llm.request import Message
from .prompt import fingerprint, message_text

MAX_GONE = 1000

Place = tuple[str, str | None]
"""(agent, working directory): an agent in another folder is another session of the conversation."""


@dataclass(frozen=True, slots=True)
class Session:
    """`told` are the fingerprints of the last messages that it holds, the latest last: a question, and its answer."""

    id: str
    told: tuple[str, ...] = ()
    totals: Mapping[str, Any] = field(default_factory=dict)
    """The agent's own cumulative figures, see `agent.SessionPlan`."""

    def unseen(self, messages: Sequence[Message]) -> list[Message]:
        """Those of `messages` that it has not been told; the last one always."""
        *earlier, last = messages
        prints = [fingerprint(message.role, message_text(message)) for message in earlier]
        for known in reversed(self.told):
            for index in range(len(prints) - 1, -1, -1):
                if prints[index] == known:
                    return [*earlier[index + 1 :], last]
        return [last]

    def note(self, place: Place) -> dict[str, Any]:
        """The session as JSON values, for the journal; `session_of` reads it."""
        agent, cwd = place
        return {"id": self.id, "agent": agent, "cwd": cwd, "told": list(self.told), "totals": dict(self.totals)}


def session_of(notes: Iterable[Mapping[str, Any]], place: Place, gone: "Gone") -> Session | None:
    """The latest session of an agent in a folder; None: there is none to go on with."""
    for note in notes:
        if (note.get("agent"), note.get("cwd")) == place and (place[0], str(note.get("id"))) not in gone:
            return Session(str(note["id"]), tuple(note.get("told") or ()), dict(note.get("totals") or {}))
    return None


def told(messages: Sequence[Message], answer: str | None) -> tuple[str, ...]:
    """The fingerprints of a session that was told `messages` and has answered; None: it was interrupted."""
    asked = fingerprint(messages[-1].role, message_text(messages[-1]))
    return (asked,) if answer is None else (asked, fingerprint("assistant", answer))


class Gone:
    """Sessions that their agents said they do not have, the latest `MAX_GONE` of them; asking again would be no use."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], None] = {}

    def add(self, agent: str, session_id: str) -> None:
        self._known[agent, session_id] = None
        if len(self._known) > MAX_GONE:
            del self._known[next(iter(self._known))]

    def __contains__(self, session: object) -> bool:
        return session in self._known
