"""The scheduler of `scheduler.py`, with picks whose cost hardly depends on how much waits.

Each class of urgency is a heap by seq. An entry that must wait for its cause or for an older signal of its effect is
parked under what it waits for, and comes back when that has gone.
"""

from heapq import heappop, heappush

from .entry import Entry
from .fairness import CLASSES, FAIRNESS_THRESHOLD, NO_COUNTS, Counts, after_choice, choose


class ReadyQueue:
    """Signals that wait to be applied; `push` and `pop` are O(log n)."""

    def __init__(self, threshold: int = FAIRNESS_THRESHOLD) -> None:
        self._threshold = threshold
        # Entries begin with their seq, so they are their own heap keys.
        self._heaps: tuple[list[Entry], ...] = tuple([] for _ in range(CLASSES))
        self._waiting: dict[tuple[str, str], int] = {}
        self._behind_cause: dict[tuple[str, str], list[Entry]] = {}
        self._stories: dict[tuple[str, str], list[Entry]] = {}
        self._counts: Counts = NO_COUNTS

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._waiting

    def push(self, entry: Entry) -> None:
        """Add an entry; its key must not be waiting already."""
        self._waiting[entry.key] = entry.seq
        story = entry.story
        if story is None:
            heappush(self._heaps[entry.priority], entry)
            return
        line = self._stories.get(story)
        if line is None:
            self._stories[story] = [entry]
        else:
            heappush(line, entry)
            if line[0] is not entry:
                return
        heappush(self._heaps[entry.priority], entry)

    def pop(self) -> Entry | None:
        """The entry that goes next, or None when nothing waits."""
        heaps = self._heaps
        ready = [self._settle(heap) if heap else False for heap in heaps]
        classes = sum(ready)
        if classes == 0:
            return None
        if classes == 1:
            chosen, self._counts = ready.index(True), NO_COUNTS
        else:
            chosen = choose(ready, self._counts, self._threshold)
            self._counts = after_choice(ready, self._counts, chosen)
        entry = heappop(heaps[chosen])
        self._release(entry)
        return entry

    def _settle(self, heap: list[Entry]) -> bool:
        """Park the heads that cannot go yet; whether a head that can go is left."""
        waiting = self._waiting
        while heap:
            entry = heap[0]
            cause = entry.cause
            if cause is not None and waiting.get(cause, entry.seq) < entry.seq:
                self._behind_cause.setdefault(cause, []).append(entry)
            elif entry.story is None or self._leads(entry):
                return True
            heappop(heap)
        return False

    def _leads(self, entry: Entry) -> bool:
        # False when an older signal of the effect arrived after this one was offered: this one is offered again in its
        # turn. False too for the copy that such an offer may leave behind.
        line = self._stories.get(entry.story) if entry.story else None
        return line is not None and line[0] is entry

    def _release(self, entry: Entry) -> None:
        key, story = entry.key, entry.story
        del self._waiting[key]
        followers = self._behind_cause.pop(key, None) if self._behind_cause else None
        if followers is not None:
            for follower in followers:
                heappush(self._heaps[follower.priority], follower)
        if story is not None:
            line = self._stories[story]
            heappop(line)
            if line:
                heappush(self._heaps[line[0].priority], line[0])
            else:
                del self._stories[story]
