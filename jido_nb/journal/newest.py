"""The last signals of a conversation that are of some types, whatever else stands between and behind them."""

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter

from ..core.signal import Recorded
from .protocol import Journal


def newest(
    journal: Journal, types: Iterable[str], subject: str, limit: int, backend: str | None = None
) -> list[Recorded]:
    """At most `limit`, oldest first. Each of `types` is the whole name of one, and is asked for on its own: what has an
    index by type (`sql_statements.SAID_TYPES`) is found without a walk over the rest.
    """
    pages = (
        journal.read(types=type, subject=subject, backend=backend, limit=limit, newest_first=True) for type in types
    )
    return sorted(chain.from_iterable(pages), key=attrgetter("seq"))[-limit:]
