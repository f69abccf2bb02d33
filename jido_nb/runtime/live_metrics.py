"""The metrics of a whole journal, kept up to date while it grows.

They are read back from the log when somebody first asks, and from then on every signal is counted as it is published.
So a runtime that reopens a journal tells the same numbers as one that never closed it, and nobody pays who never asks.
"""

from ..core.projections.metrics import Metrics
from ..core.signal import Recorded
from ..journal.protocol import Journal
from .bus import Bus

COUNTED = "conv.effect.**"


class LiveMetrics:
    """Metrics over `journal`, live; belongs to the loop that publishes on `bus`."""

    def __init__(self, journal: Journal, bus: Bus) -> None:
        self._journal = journal
        self._published = journal.last_seq()
        self._metrics: Metrics | None = None
        bus.subscribe(COUNTED, self._note)

    def get(self) -> Metrics:
        """The metrics now. The first call reads the log: some 10 µs for each signal of an effect."""
        if self._metrics is None:
            self._metrics = Metrics()
            # What is written and not yet published comes by the bus.
            for recorded in self._journal.read(types=COUNTED, until_seq=self._published):
                self._metrics.apply(recorded.signal)
        return self._metrics

    def _note(self, recorded: Recorded) -> None:
        self._published = recorded.seq
        if self._metrics is not None:
            self._metrics.apply(recorded.signal)
