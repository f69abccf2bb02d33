"""Goes on with a conversation from the last state that its log keeps (`core.snapshot`), not from its beginning."""

from collections.abc import Iterator
from typing import Final

from ..core.catalogue import APPLIED
from ..core.engine import SEAL, is_foreign, seals
from ..core.replay import Replayer
from ..core.signal import Recorded, Signal
from ..core.snapshot import SNAPSHOT, restored
from ..core.state import HISTORY_LIMIT
from .marker import unapplied_of
from .protocol import Journal

MARKERS_FIRST: Final = 2
HISTORY_PAGE: Final = HISTORY_LIMIT * 5 // 4
"""A history, and the markers that stand between its signals."""
LONGEST_PAGE: Final = 500


def continued(journal: Journal, subject: str) -> Replayer:
    """The conversation replayed to its end, from the last state that it keeps."""
    replayer = resumed(journal, subject)
    replayer.feed_all(journal.read(subject=subject, after_seq=replayer.last_seq))
    return replayer


def resumed(journal: Journal, subject: str, until_seq: int | None = None) -> Replayer:
    """A replayer that stands where the conversation last kept its state, up to `until_seq`; a new one if nowhere."""
    marker = last_rest(journal, subject, until_seq)
    if marker is None:
        return Replayer()
    state = restored(marker.signal, _newest_first(journal, subject, HISTORY_PAGE, marker.seq))
    return Replayer() if state is None else Replayer({subject: state}, marker.seq)


def last_rest(journal: Journal, subject: str, until_seq: int | None = None) -> Recorded | None:
    """The last marker that says that everything before it was applied; None where there is none."""
    markers = _newest_first(journal, subject, MARKERS_FIRST, until_seq, APPLIED)
    return next((marker for marker in markers if _keeps_state(marker.signal)), None)


def unapplied_in(journal: Journal, subject: str) -> list[Recorded]:
    """The signals of a conversation that none of its markers covers."""
    rest = last_rest(journal, subject)
    return unapplied_of(journal.read(subject=subject, after_seq=0 if rest is None else rest.seq))


def _keeps_state(marker: Signal) -> bool:
    data = marker.data
    if SNAPSHOT not in data or SEAL not in data or is_foreign(marker):
        return False
    told, expected = seals(marker.body)
    return told == expected


def _newest_first(
    journal: Journal, subject: str, first_page: int, until_seq: int | None, types: str | None = None
) -> Iterator[Recorded]:
    """A conversation backwards, in pages that grow: mostly the first one is enough, and it should be small."""
    size = first_page
    while True:
        page = list(journal.read(types=types, subject=subject, until_seq=until_seq, limit=size, newest_first=True))
        yield from page
        if len(page) < size:
            return
        until_seq, size = page[-1].seq - 1, min(2 * size, LONGEST_PAGE)
