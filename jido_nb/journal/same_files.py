"""Are the files of a journal still those that were opened?

Who has a file open goes on writing to it when it was deleted, moved or replaced. What is acknowledged then is lost with
the process, and whoever opens the name again finds something else.
"""

import os
from pathlib import Path

from ..errors import JournalError


class SameFiles:
    """The files that stand at some paths now."""

    def __init__(self, *paths: Path) -> None:
        self._location = str(paths[0])
        self._found = {name: found for path in paths if (found := _identity(name := str(path))) is not None}

    def check(self, *, may_be_gone: bool = False) -> None:
        """Raise JournalError if another file stands there by now, or none; costs a microsecond or two per file.

        `may_be_gone`: for who reads over a connection that is open: what was deleted can be saved that way.
        """
        for name, found in self._found.items():
            now = _identity(name)
            if now != found and not (may_be_gone and now is None):
                what = "deleted or moved" if now is None else "replaced by another file"
                message = (
                    f"{name} was {what} while the journal was open: nothing more is written. "
                    "Put it back and open the journal again, or open another one"
                )
                raise JournalError(message, path=self._location)


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino
