"""Where a log is damaged. Looked for once reading it has failed, so that reading a whole one costs nothing for it."""

from ..core.signal import from_body
from ..errors import JournalError
from .source import OpenSource


def damage_of(found: OpenSource) -> JournalError | None:
    """What to say of the first signal whose payload cannot be read; None if all can."""
    place = None if found.journal is None else found.journal.location
    for seq, signal in found.read():
        try:
            from_body(signal.body)
        except ValueError as error:
            message = f"{place or 'this log'} is damaged: the payload of seq {seq} is no JSON object ({error})"
            return JournalError(f"{message}. replay(...) names every conversation that differs.", path=place)
    return None
