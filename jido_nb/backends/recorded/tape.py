"""One recording in use: gives answers in their order, and takes notes of what is asked."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...llm.error import LLMError
from ...llm.request import LLMRequest
from ...llm.request_key import RequestKey, request_key
from ...llm.settings import RecordingMode
from .call import Call, Cancel
from .recording import Place, Recording

CancelEffect = Callable[[str, str, Cancel, bool], Awaitable[None]]
"""(conversation id, effect id, what the recording tells, whether it came in a wait) -> the effect ends as canceled."""


@dataclass(slots=True)
class Note:
    """What is kept of a request that was really made."""

    place: Place
    facts: Mapping[str, Any]
    take: int
    ordinal: int
    asked_us: int
    response: Mapping[str, Any] | None = None
    """Metadata of the `started` event, when it comes."""


class Tape:
    """Decides for each request whether it is played or made. Belongs to one event loop."""

    def __init__(
        self,
        mode: RecordingMode,
        recording: Recording,
        *,
        name: str,
        timing: float,
        cancel: CancelEffect,
        now_us: Callable[[], int],
    ) -> None:
        self.mode = mode
        self.recording = recording
        self.name = name
        """What people call it: the path as they wrote it."""
        self.timing = timing
        """What recorded times are multiplied with: 1 plays as it was, 0 at once."""
        self.cancel = cancel
        self.played = 0
        self.made = 0
        self._now_us = now_us
        self._take = recording.last_take + 1
        self._asked: Counter[Place] = Counter()
        self._notes: dict[tuple[str, str], dict[int, Note]] = {}

    def answer(self, request: LLMRequest) -> Call | Note:
        """The recorded answer to play, or, where the mode allows to call, a note to fill in while calling.

        Raises:
            LLMError: `config`: only replaying is allowed, and there is no answer.
        """
        asked = request_key(request)
        place = asked.key, _attempt(request)
        index = self._asked[place]
        self._asked[place] += 1
        call = None if self.mode == "record" else self.recording.call(place, index)
        if call is not None:
            self.played += 1
            return call
        if self.mode == "replay":
            raise self._missed(asked, place)
        # In `auto`, what is added to a request that is known goes on where its take ended.
        take = (self.recording.take_of(place) if self.mode == "auto" else None) or self._take
        note = Note(place, asked.facts, take, index, self._now_us())
        self._notes.setdefault(_effect(request), {})[place[1]] = note
        self.made += 1
        return note

    def notes_of(self, conversation_id: str, effect_id: str) -> dict[int, Note]:
        """The requests that an effect really made, by attempt; asked for once, when it has ended."""
        return self._notes.pop((conversation_id, effect_id), {})

    def _missed(self, asked: RequestKey, place: Place) -> LLMError:
        if known := self.recording.count(place):
            answers = "one answer" if known == 1 else f"{known} answers"
            why = f"holds {answers} to this request, and it was made once more."
            way = f"%jido recording replay {self.name} begins again with the first"
        else:
            why = f"has no answer to this request. {self.recording.nearest(asked)}"
            way = "Ask what was recorded"
        call = f"call the model and keep its answer: %jido recording auto {self.name}"
        message = f"the recording {self.name} {why} {way}, or {call}"
        return LLMError.of("config", message, field="recording", recording=self.name)


def _effect(request: LLMRequest) -> tuple[str, str]:
    return request.conversation_id, str(request.metadata.get("effect_id") or request.request_id)


def _attempt(request: LLMRequest) -> int:
    attempt = request.metadata.get("attempt")
    return attempt if isinstance(attempt, int) else 1
