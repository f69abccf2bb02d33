"""Holds, after every turn, the log against itself: does what was just lived replay to the same state?

The check goes on from where the last one of the conversation stopped, so that it costs what the turn cost. It waits a
moment for others to be made with it: several in a row cost a third, and a turn that follows at once is not held up.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final

import anyio

from ..core.replay import Divergence, Replayer
from ..journal.continuing import resumed
from .logs import logger_of
from .reading import Reading

logger = logger_of(__name__)

PAUSE_S: Final = 0.25
IN_A_ROW: Final = 16
"""Conversations that are checked in one go, between which the reading threads are free for others."""

KEPT_CONVERSATIONS: Final = 256
KEPT_PLACES: Final = 4096
"""Conversations of which only the place is known up to which they were checked. Those that left memory need none."""


class Parity:
    """Incremental replays of the conversations that were active lately."""

    def __init__(self, reading: Reading) -> None:
        self.checked = 0
        """Turns that were held against their replay."""
        self.divergence: Divergence | None = None
        """The first difference that was found."""
        self.failure: str | None = None
        """Why a check could not be made."""
        self._reading = reading
        self._replayers: dict[str, Replayer] = {}
        self._places: OrderedDict[str, int] = OrderedDict()
        self._due: Counter[str] = Counter()
        self._wake = anyio.Event()
        self._hurry = anyio.Event()
        self._idle = anyio.Event()
        self._idle.set()

    def offer(self, subject: str, turns: int) -> None:
        """Note that `turns` of `subject` have ended; never waits."""
        self._due[subject] += turns
        if self._idle.is_set():
            self._idle = anyio.Event()
        self._wake.set()

    def adopt(self, subject: str, replayer: Replayer) -> None:
        """Go on from a replay of `subject` that was made for another reason, instead of from the beginning."""
        self._keep(subject, replayer)

    async def run(self) -> None:
        """Check what is due, until canceled."""
        try:
            while True:
                self._wake, self._hurry = anyio.Event(), anyio.Event()
                if not self._due:
                    self._idle.set()
                    await self._wake.wait()
                with anyio.move_on_after(PAUSE_S):
                    await self._hurry.wait()
                while self._due:
                    subjects = list(islice(self._due, IN_A_ROW))
                    turns = sum(map(self._due.pop, subjects))
                    await self._check_safely(subjects)
                    self.checked += turns
        finally:
            self._replayers.clear()
            self._places.clear()

    async def wait_idle(self) -> None:
        """Return when nothing is due; what is, is checked now."""
        self._hurry.set()
        await self._idle.wait()

    async def _check_safely(self, subjects: Sequence[str]) -> None:
        try:
            await self._reading(partial(self._check_all, subjects))
        except Exception as error:
            self._cannot_check(", ".join(subjects), error)

    def _check_all(self, subjects: Sequence[str]) -> None:
        for subject in subjects:
            try:
                self._check(subject)
            except Exception as error:
                self._cannot_check(subject, error)

    def _cannot_check(self, what: str, error: Exception) -> None:
        """A problem to tell, and no reason to stop."""
        logger.error("the replay of %s could not be checked", what, exc_info=error)
        self.failure = self.failure or str(error)

    def _check(self, subject: str) -> None:
        replayer = self._replayers.pop(subject, None)
        if replayer is None:
            replayer = resumed(self._reading.journal, subject, self._places.pop(subject, 0))
        replayer.feed_all(self._reading.journal.read(subject=subject, after_seq=replayer.last_seq))
        if replayer.divergences and self.divergence is None:
            self.divergence = replayer.divergences[0]
        self._keep(subject, replayer)

    def _keep(self, subject: str, replayer: Replayer) -> None:
        self._replayers[subject] = replayer
        if len(self._replayers) > KEPT_CONVERSATIONS:
            oldest = next(iter(self._replayers))
            self._places[oldest] = self._replayers.pop(oldest).last_seq
            if len(self._places) > KEPT_PLACES:
                self._places.popitem(last=False)
