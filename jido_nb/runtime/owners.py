"""The conversations that this runtime writes.

A conversation is taken with its first signal and given back when its state leaves memory, or when the runtime closes.
Whoever takes one knows where the log stood then: what was asked for before that is for the recovery to end or to drive
again, and starts nothing when it is applied now.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import closing, contextmanager
from functools import partial

import anyio

from ..core.signal import Recorded
from ..errors import JidoError, JournalError
from ..journal.claims import Taken, claims_of
from ..journal.protocol import Journal
from .reading import Reading

UNKNOWN = Taken(0, True)


class Owners:
    """Claims on the conversations of a journal, and what was found when they were made."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.journal = journal = reading.journal
        self._claims = claims_of(journal)
        self._taken: dict[str, Taken] = {}
        self._mending: set[str] = set()
        self._shared = False
        # Whether others write, too: what is taken after that may have been left torn.
        self._last = journal.last_seq()
        self._taking = anyio.Lock()
        self.mend: Callable[[str], Awaitable[None]] | None = None
        """Puts in order what somebody who is gone may have left of a conversation that was just taken."""

    def has(self, subject: str) -> bool:
        """Whether a conversation is this runtime's, and in order."""
        return subject in self._taken and subject not in self._mending

    def taken(self, subject: str) -> Taken:
        """Of a conversation of which something was written. What nobody has taken may hold anything."""
        return self._taken.get(subject, UNKNOWN)

    def signals(self) -> int:
        """How many the journal holds; where it cannot be asked, how many this runtime knows of."""
        try:
            return self.journal.last_seq()
        except JidoError:
            return self._last

    def take(self, subject: str) -> str | None:
        """Take a conversation; gives None, or who else holds it. May wait for a disk or a network."""
        if subject in self._taken:
            return None
        holder = self._claims.claim(subject)
        if holder is not None:
            self._shared = True
            return holder
        self._taken[subject] = self._claims.taken(subject)
        return None

    async def hold(self, subjects: Collection[str]) -> None:
        """Return when all of them are this runtime's, without another wait after that.

        Raises:
            JournalError: another process or runtime holds one; the message names it.
        """
        # Until none is missing: while one is taken, another that comes to rest may be given back.
        while wanted := [subject for subject in subjects if not self.has(subject)]:
            async with self._taking:
                for subject in wanted:
                    await self._take(subject)

    async def _take(self, subject: str) -> None:
        if subject in self._taken:
            return
        self._mending.add(subject)
        try:
            holder = await self.reading(partial(self.take, subject))
            if holder is not None:
                location = self.journal.location
                raise JournalError(
                    f"the conversation {subject!r} of {location} is in use by {holder}. Close it there, or go on in "
                    "another conversation or journal; jido_nb.events_df and the other frames read it as it is.",
                    path=location,
                )
            if self._shared and self._taken[subject].known and self.mend is not None:
                await self.mend(subject)
        except BaseException:
            # As it was before: whoever takes it next finds it as torn as it is.
            self._shared = True
            self.give_back(subject)
            raise
        finally:
            self._mending.discard(subject)

    def note(self, recorded: Recorded) -> None:
        """Take in what this runtime has written: a `seq` that is missing is somebody else's."""
        self._shared = self._shared or recorded.seq != self._last + 1
        self._last = recorded.seq

    def give_back(self, subject: str) -> None:
        """Let others write a conversation of which nothing is on its way."""
        if self._taken.pop(subject, None) is not None:
            self._claims.release(subject)

    def close(self) -> None:
        """Give everything back."""
        self._claims.close()


@contextmanager
def held_alone(journal: Journal) -> Iterator[None]:
    """Hold a journal that one runtime writes at a time, whatever the conversation: a recording.

    Raises:
        JournalError: another process or runtime holds it; the message names it.
    """
    # No conversation has this name: the contract refuses it.
    with closing(claims_of(journal)) as claims:
        if (holder := claims.claim("")) is not None:
            message = f"{journal.location} is in use by {holder}. Close it there, or choose another path."
            raise JournalError(message, path=journal.location)
        yield
