"""Which turn of one run belongs to which turn of another.

Rule 1: the same words, asked in a conversation of the same name, in the order in which they were asked there.
Rule 2: of what is left, the same words, in the order in which they were asked anywhere.
Rule 3: what is left then stands alone. Words are the same if they differ in white space only.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

Facts = Mapping[str, Any]
"""A row of `turns_df`."""


class Pair(NamedTuple):
    """The two answers to one question; None where the other side was not asked. `number` counts from 1."""

    number: int
    a: Facts | None
    b: Facts | None

    @property
    def seq(self) -> int:
        return self.number

    @property
    def prompt(self) -> str:
        return str((self.a or self.b or {}).get("prompt") or "")


def pair_turns(a: Sequence[Facts], b: Sequence[Facts]) -> list[Pair]:
    """The pairs in the order of `a`; then what only `b` has, in its order."""
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for key in (_asked_there, _asked):
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for place, turn in enumerate(b):
            if place not in taken:
                waiting[key(turn)].append(place)
        for place, turn in enumerate(a):
            if place not in partner and waiting[key(turn)]:
                partner[place] = waiting[key(turn)].popleft()
                taken.add(partner[place])
    both = [(turn, b[partner[place]] if place in partner else None) for place, turn in enumerate(a)]
    alone = [(None, turn) for place, turn in enumerate(b) if place not in taken]
    return [Pair(number, *sides) for number, sides in enumerate([*both, *alone], 1)]


def _asked(turn: Facts) -> Hashable:
    return " ".join(str(turn["prompt"] or "").split())


def _asked_there(turn: Facts) -> Hashable:
    return turn["conversation_id"], _asked(turn)
