"""A journal as a source of answers: which requests it holds, and what each of them got.

Rule 1: the n-th request that is the same gets the n-th answer. Attempts of one number are counted by themselves, so
        that a second attempt gets what a second attempt got, in whatever order turns run beside each other.
Rule 2: recording the same request again begins a new take; the newest take that holds it answers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...core.signal import Signal
from ...errors import ConfigError
from ...journal.protocol import Journal
from ...llm.request_key import RequestKey, closeness, difference
from .call import Call, call_of

REQUESTED = "conv.audit.llm.requested"
"""One per recorded attempt, beside the signals of its effect: what was asked, as key and as facts."""

_EFFECTS = "conv.effect.llm.**"

Place = tuple[str, int]
"""The key of a request, and the number of the attempt."""


class Entry(NamedTuple):
    """Where the answer to one request is found."""

    take: int
    ordinal: int
    subject: str
    effect_id: str
    attempt: int
    response: Mapping[str, Any] | None


class Recording:
    """The requests of one journal. Keeps a line per request in memory; answers are read when they are played."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._entries: dict[Place, list[Entry]] = {}
        self._facts: dict[str, Mapping[str, Any]] = {}
        self.last_take = 0
        for recorded in journal.read(types=REQUESTED):
            self.add(recorded.signal)

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def add(self, signal: Signal) -> None:
        """Take one request in. A newer take of it hides the older ones."""
        data = signal.data
        place = str(data["request_key"]), int(data["attempt"])
        entry = Entry(
            int(data["take"]),
            int(data["ordinal"]),
            signal.subject,
            str(data["effect_id"]),
            place[1],
            data.get("response"),
        )
        known = [each for each in self._entries.get(place, ()) if each.take >= entry.take]
        if all(each.take == entry.take for each in known):
            # Turns are written as they end; they are played as they began.
            self._entries[place] = sorted([*known, entry], key=lambda each: each.ordinal)
        self._facts[place[0]] = data["request"]
        self.last_take = max(self.last_take, entry.take)

    def count(self, place: Place) -> int:
        """How many answers to this request there are."""
        return len(self._entries.get(place, ()))

    def take_of(self, place: Place) -> int | None:
        """The take that answers it."""
        entries = self._entries.get(place)
        return entries[0].take if entries else None

    def call(self, place: Place, index: int) -> Call | None:
        """The answer of this index, from 0; None when there is none."""
        entries = self._entries.get(place, ())
        if index >= len(entries):
            return None
        entry = entries[index]
        log = self.journal.read(types=_EFFECTS, subject=entry.subject, effect_id=entry.effect_id)
        return call_of((recorded.signal for recorded in log), entry.attempt, entry.response)

    def nearest(self, request: RequestKey) -> str:
        """A sentence on the recorded request that is most like this one."""
        if not self._facts:
            return "It holds no requests at all."
        key, facts = max(self._facts.items(), key=lambda item: closeness(request.facts, item[1]))
        if key == request.key:
            return "The same request was recorded, but not this attempt of it."
        return f"The nearest recorded request differs in {difference(request.facts, facts)}."


def check_recording(recording: Recording, where: str) -> None:
    """Refuse a journal, at `where`, from which nothing can be played.

    Raises:
        ConfigError: it holds no requests.
    """
    if not len(recording):
        raise ConfigError(
            f"{where} holds no recorded requests, so nothing can be replayed from it; a recording is made with "
            f"%jido recording record {where}",
            field="recording.path",
            value=where,
        )
