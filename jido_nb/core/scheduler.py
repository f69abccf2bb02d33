"""The plain scheduler: choose, from all that waits, the signal that is applied next.

Rule 1: a signal waits while its cause, written before it, waits.
Rule 2: signals of one effect go in the order they were written.
Rule 3: lower priority numbers go first, with the fairness of `fairness.py`.   Rule 4: then the older goes first.
Rules 1 and 2 only ever wait for something older, so the oldest signal can always go: no queue is ever stuck.
This is the definition, a list scanned on every pick. `ready_queue.py` gives the same answers fast; the tests hold
one against the other.
"""

from collections.abc import Sequence

from .entry import Entry
from .fairness import CLASSES, FAIRNESS_THRESHOLD, Counts, after_choice, choose


def is_ready(entry: Entry, waiting: Sequence[Entry]) -> bool:
    """Whether nothing in `waiting` must go before `entry`."""
    return not any(
        other.seq < entry.seq and (other.key == entry.cause or (other.story is not None and other.story == entry.story))
        for other in waiting
    )


def pick(
    waiting: Sequence[Entry], counts: Counts, threshold: int = FAIRNESS_THRESHOLD
) -> tuple[Entry, list[Entry], Counts] | None:
    """The next entry, what still waits, and the new fairness counts; None when nothing is ready."""
    ready = [entry for entry in waiting if is_ready(entry, waiting)]
    if not ready:
        return None
    classes = [any(entry.priority == number for entry in ready) for number in range(CLASSES)]
    chosen = choose(classes, counts, threshold)
    entry = min((entry for entry in ready if entry.priority == chosen), key=lambda entry: entry.seq)
    return entry, [other for other in waiting if other is not entry], after_choice(classes, counts, chosen)
