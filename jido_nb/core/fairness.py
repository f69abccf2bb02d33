"""Which class of urgency goes next, so that urgent signals are quick and nobody starves.

Rule 1: control signals go at once, but after `threshold` of them in a row rule 2 has its say.
Rule 2: a class that had something ready and was passed over `threshold` times in a row goes next; among several the
one passed over most often, then the more urgent.
Rule 3: else the most urgent class that has something ready goes.
Between two classes this is the classic "after five in a row the other gets a turn". However many are always ready,
each of them gets a turn within `longest_wait(threshold)` picks.
"""

from collections.abc import Sequence

CLASSES = 4
FAIRNESS_THRESHOLD = 5

Counts = tuple[int, ...]
"""For class 0 (control): how often in a row it went while another was ready.
For the others: how often in a row it was ready and another went."""

NO_COUNTS: Counts = (0,) * CLASSES


def choose(ready: Sequence[bool], counts: Counts, threshold: int = FAIRNESS_THRESHOLD) -> int:
    """The class to pick from. At least one of `ready` is true."""
    if ready[0] and counts[0] < threshold:
        return 0
    chosen, longest = -1, threshold - 1
    for number in range(1, CLASSES):
        if ready[number]:
            if chosen < 0:
                chosen = number
            if counts[number] > longest:
                chosen, longest = number, counts[number]
    return 0 if ready[0] and longest < threshold else chosen


def after_choice(ready: Sequence[bool], counts: Counts, chosen: int) -> Counts:
    """The counts after `chosen` went."""
    if sum(ready) == 1:
        return NO_COUNTS
    others = [counts[number] + 1 if ready[number] and number != chosen else 0 for number in range(1, CLASSES)]
    return (counts[0] + 1 if chosen == 0 else 0, *others)


def longest_wait(threshold: int = FAIRNESS_THRESHOLD) -> int:
    """How many picks lie at most between two turns of a class that always has something ready."""
    return (threshold + 1) * (CLASSES - 1)
