"""Follows causes through a journal."""

from collections import defaultdict
from typing import Literal

from ..core.signal import Recorded
from ..errors import ConfigError
from ..journal.protocol import Journal

Key = tuple[str, str]
"""Conversation and id of a signal."""


def trace(
    journal: Journal, signal_id: str, direction: Literal["backward", "forward"] = "backward", limit: int = 1000
) -> list[Recorded]:
    """The signal, then its cause, its cause's cause, ... (`backward`), or all it caused, depth first (`forward`).

    An id that the journal does not know gives the empty list. At most `limit` signals.
    """
    if direction not in ("backward", "forward"):
        raise ConfigError(
            f"direction is 'backward' or 'forward', not {direction!r}", field="direction", value=direction
        )
    first = journal.find(signal_id)
    if first is None:
        return []
    return _backward(journal, first, limit) if direction == "backward" else _forward(journal, first, limit)


def _backward(journal: Journal, first: Recorded, limit: int) -> list[Recorded]:
    chain = [first]
    while len(chain) < limit and (cause := _cause_of(journal, chain[-1])) is not None:
        chain.append(cause)
    return chain


def _forward(journal: Journal, first: Recorded, limit: int) -> list[Recorded]:
    # An effect is always written after its cause, so one pass from the first signal on finds them all.
    followers: defaultdict[Key, list[Recorded]] = defaultdict(list)
    found_ids = {first.signal.id}
    known: set[Key] = {_key(first)}
    for recorded in journal.read(after_seq=first.seq):
        cause_id = recorded.signal.cause_id
        if cause_id is None or cause_id not in found_ids:
            continue
        cause = (recorded.signal.subject, cause_id)
        if cause not in known and (elsewhere := _cause_of(journal, recorded)) is not None:
            cause = _key(elsewhere)
        if cause in known:
            followers[cause].append(recorded)
            known.add(_key(recorded))
            found_ids.add(recorded.signal.id)
    found: list[Recorded] = []
    stack = [first]
    while stack and len(found) < limit:
        recorded = stack.pop()
        found.append(recorded)
        stack.extend(reversed(followers[_key(recorded)]))
    return found


def _cause_of(journal: Journal, recorded: Recorded) -> Recorded | None:
    """What caused it: of its own conversation if that has a signal of this id, else the first of any."""
    cause_id = recorded.signal.cause_id
    if cause_id is None:
        return None
    return journal.find(cause_id, recorded.signal.subject) or journal.find(cause_id)


def _key(recorded: Recorded) -> Key:
    return recorded.signal.subject, recorded.signal.id
