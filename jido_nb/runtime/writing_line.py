"""What waits to be written, and in which order it goes.

Rule 1: signals go in the order they were put.
Rule 2: but the wish to end something overtakes, so that it does not stand behind a flood.
Rule 3: except where its place means something. It stays behind what came into its conversation before (an abort
        means the messages that are older), behind a marker of its conversation (which may tell of all that is older),
        and behind its cause.
"""

from collections import Counter, OrderedDict, deque
from typing import Generic, NamedTuple, Protocol, TypeVar

from ..core.catalogue import CONTROL_TYPES, stream_of
from ..core.signal import Signal

MAX_BATCH = 1000
"""How many signals are taken at once, beside those that overtake."""

RECENT_IDS = 4096
"""Ids that are known beside those that wait; of others the journal knows whether it has them."""


class Waiting(Protocol):
    @property
    def signal(self) -> Signal: ...


T = TypeVar("T", bound=Waiting)


class Mark(NamedTuple):
    """A moment: how many of each kind had been put."""

    urgent: int
    plain: int


class WritingLine(Generic[T]):
    """Two queues, of which each is first in, first out."""

    def __init__(self) -> None:
        self._urgent: deque[T] = deque()
        self._plain: deque[T] = deque()
        self._urgent_done = self._plain_done = 0
        self._taken = Mark(0, 0)
        self._fixed: Counter[str] = Counter()
        """Per subject: how many wait that nothing of their conversation overtakes."""
        # Ordered, because taking the oldest key out of a plain dict scans what was taken out before.
        self._recent: OrderedDict[str, int] = OrderedDict()
        """Ids that were put lately, and their place among the plain ones."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._plain)

    def put(self, item: T) -> None:
        """Let it stand in line."""
        signal = item.signal
        urgent = signal.type in CONTROL_TYPES and not self._must_keep_its_place(signal)
        if urgent:
            self._urgent.append(item)
        else:
            self._plain.append(item)
            if _is_fixed(signal):
                self._fixed[signal.subject] += 1
        self._recent[signal.id] = 0 if urgent else self.mark().plain
        if len(self._recent) > RECENT_IDS:
            self._forget_written()

    def knows(self, signal_id: str) -> bool:
        """Whether a signal of that id was put lately."""
        return signal_id in self._recent

    def take(self) -> list[T]:
        """The next ones to be written together; `written` must be called before more are taken."""
        # All of them: what came to a conversation after a wish must not be written before it.
        urgent = [*self._urgent]
        self._urgent.clear()
        plain = [self._plain.popleft() for _ in range(min(len(self._plain), MAX_BATCH))]
        for item in plain:
            if _is_fixed(item.signal):
                left = self._fixed[item.signal.subject] - 1
                if left:
                    self._fixed[item.signal.subject] = left
                else:
                    del self._fixed[item.signal.subject]
        self._taken = Mark(len(urgent), len(plain))
        return urgent + plain

    def written(self) -> None:
        """What was taken is written, or never will be."""
        self._urgent_done += self._taken.urgent
        self._plain_done += self._taken.plain
        self._taken = Mark(0, 0)

    def mark(self) -> Mark:
        """This moment, to ask `passed` about later."""
        urgent, plain = self._taken
        return Mark(
            self._urgent_done + urgent + len(self._urgent),
            self._plain_done + plain + len(self._plain),
        )

    def passed(self, mark: Mark) -> bool:
        """Whether all that was put before that moment is written, or never will be."""
        return self._urgent_done >= mark.urgent and self._plain_done >= mark.plain

    def _forget_written(self) -> None:
        recent, taken = self._recent, self._plain_done + self._taken.plain
        while len(recent) > RECENT_IDS and not self._urgent and next(iter(recent.values())) <= taken:
            recent.popitem(last=False)

    def _must_keep_its_place(self, signal: Signal) -> bool:
        # The id too: of two signals with one id the first to be put is the one that counts.
        taken = self._plain_done + self._taken.plain
        behind = (signal.id, signal.cause_id)
        return signal.subject in self._fixed or any(self._recent.get(id, 0) > taken for id in behind if id)


def _is_fixed(signal: Signal) -> bool:
    return stream_of(signal.type) in ("in", "applied")
