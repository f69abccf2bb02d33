"""What earlier answers of a conversation left behind for a backend that keeps sessions, such as a coding agent's.

A note is the backend's own, JSON values that only it reads. It stands in the journal with the end of the answer, so a
runtime that opens the journal again goes on where the last one ended.
"""

from functools import partial
from typing import Any

from ..core.catalogue import LLM_CANCELED, LLM_COMPLETED
from ..core.signal import Signal
from ..journal.newest import newest
from .reading import Reading

NOTED = (LLM_COMPLETED, LLM_CANCELED)
LOOK_BACK = 50
"""How many endings are looked at: agents and folders that were not used for so long begin a new session."""


class SessionNotes:
    """Of all conversations of one journal."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def __call__(self, conversation_id: str, backend: str) -> list[dict[str, Any]]:
        """The notes of the answers that this backend gave in the conversation, latest first."""
        return await self._reading(partial(self._read, conversation_id, backend))

    def _read(self, conversation_id: str, backend: str) -> list[dict[str, Any]]:
        endings = newest(self._reading.journal, NOTED, conversation_id, LOOK_BACK, backend)
        return [note for recorded in reversed(endings) if (note := _note(recorded.signal))]


def _note(signal: Signal) -> dict[str, Any] | None:
    metadata = (signal.data.get("result") or {}).get("metadata") or {}
    note = signal.data.get("session") or metadata.get("session")
    return dict(note) if isinstance(note, dict) else None
