"""A journal that lives as long as the process: for experiments, tests, and conversations nobody wants to keep."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Any

from ..core.catalogue import stream_of
from ..core.pattern import compile_types, matches_any
from ..core.signal import Recorded, Signal
from ..errors import ClosedError
from .codec import backend_of
from .marker import unapplied_of
from .protocol import MILESTONES, REQUESTS, Appended


class MemoryJournal:
    """The same promises as a journal on disk, except that nothing outlives the process."""

    location = "memory"
    blocking = False

    def __init__(self) -> None:
        self._lock = Lock()
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        # Records are only ever added at the end, so readers need no lock: they look at what was there when they began.
        self._records: list[Recorded] = []
        self._by_key: dict[tuple[str, str], Recorded] = {}
        self._by_id: dict[str, Recorded] = {}
        self._by_subject: dict[str, list[Recorded]] = {}
        self._by_effect: dict[str, list[Recorded]] = {}

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        answer: list[Appended] = []
        fresh: dict[tuple[str, str], Recorded] = {}
        with self._lock:
            self._check_open()
            last = len(self._records)
            for signal in signals:
                key = (signal.subject, signal.id)
                stored = self._by_key.get(key) or fresh.get(key)
                if stored is None:
                    last += 1
                    recorded = fresh[key] = Recorded(last, signal)
                    answer.append(Appended(recorded, False))
                else:
                    answer.append(Appended(stored, True))
            self._keep(fresh)
        return answer

    def _keep(self, fresh: dict[tuple[str, str], Recorded]) -> None:
        for (subject, id), recorded in fresh.items():
            self._by_id.setdefault(id, recorded)
            of_subject = self._by_subject.get(subject)
            if of_subject is None:
                of_subject = self._by_subject[subject] = []
            of_subject.append(recorded)
            effect_id = recorded.signal.data.get("effect_id")
            if isinstance(effect_id, str):
                self._by_effect.setdefault(effect_id, []).append(recorded)
        self._by_key.update(fresh)
        self._records += fresh.values()

    def read(
        self,
        *,
        types: str | Iterable[str] | None = None,
        subject: str | None = None,
        after_seq: int = 0,
        until_seq: int | None = None,
        effect_id: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        backend: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Recorded]:
        self._check_open()
        patterns = compile_types(types)
        if effect_id is not None:
            source = self._by_effect.get(effect_id, [])
        elif subject is not None:
            source = self._by_subject.get(subject, [])
        else:
            source = self._records
        found = (
            recorded
            for recorded in _between(source, max(after_seq, 0), until_seq, newest_first)
            if (subject is None or recorded.signal.subject == subject)
            and (since_us is None or recorded.signal.time_us >= since_us)
            and (until_us is None or recorded.signal.time_us < until_us)
            and matches_any(patterns, recorded.signal.type)
            and (backend is None or backend_of(recorded.signal) == backend)
        )
        return found if limit is None else islice(found, max(limit, 0))

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        self._check_open()
        return self._by_id.get(signal_id) if subject is None else self._by_key.get((subject, signal_id))

    def last_seq(self) -> int:
        self._check_open()
        return len(self._records)

    def subjects(self) -> list[str]:
        self._check_open()
        return list(self._by_subject)

    def statistics(self) -> dict[str, Any]:
        self._check_open()
        return {
            "signals": len(self._records),
            "conversations": len(self._by_subject),
            "bytes": sum(len(recorded.signal.body) for recorded in list(self._records)),
        }

    def unfinished_effects(self) -> list[Recorded]:
        begun: dict[tuple[str, str], Recorded] = {}
        ended: set[tuple[str, str]] = set()
        asked: dict[tuple[str, str], Recorded] = {}
        for recorded in self.read(types=("conv.in.**", "conv.effect.**")):
            signal = recorded.signal
            prefix = REQUESTS.get(signal.type)
            if prefix is not None:
                asked[signal.subject, prefix + signal.id] = recorded
            elif stream_of(signal.type) == "effect" and isinstance(effect_id := signal.data.get("effect_id"), str):
                lifecycle = signal.data.get("lifecycle")
                if lifecycle == "started":
                    begun.setdefault((signal.subject, effect_id), recorded)
                elif lifecycle in MILESTONES:
                    ended.add((signal.subject, effect_id))
        # Whatever has begun stands for its request.
        left = [recorded for effect, recorded in {**asked, **begun}.items() if effect not in ended]
        return sorted(left, key=lambda recorded: recorded.seq)

    def unapplied(self) -> list[Recorded]:
        self._check_open()
        waiting: list[Recorded] = []
        for records in list(self._by_subject.values()):
            waiting += unapplied_of(records)
        return sorted(waiting, key=lambda recorded: recorded.seq)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            # Whoever keeps the journal, as a turn does in a notebook's `Out`, does not keep what nobody can read.
            # Others, and not emptied ones: somebody may still be reading.
            self._begin()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this journal is closed")


def _between(records: list[Recorded], after: int, until: int | None, newest_first: bool) -> Iterator[Recorded]:
    """`records` with after < seq <= until, without looking at those outside."""
    low, high = _first_after(records, after), len(records) if until is None else _first_after(records, until)
    places = range(high - 1, low - 1, -1) if newest_first else range(low, high)
    return (records[place] for place in places)


def _first_after(records: list[Recorded], seq: int) -> int:
    low, high = 0, len(records)
    while low < high:
        middle = (low + high) // 2
        if records[middle].seq <= seq:
            low = middle + 1
        else:
            high = middle
    return low
