"""Sends every durable signal to the partition of its conversation: a stable hash, the same in every process."""

from collections.abc import Sequence
from zlib import crc32

from ..core.signal import Recorded
from .partition import Partition


class Coordinator:
    """The partitions of one runtime, by subject."""

    def __init__(self, partitions: Sequence[Partition]) -> None:
        self.partitions = tuple(partitions)

    def partition_of(self, subject: str) -> Partition:
        return self.partitions[crc32(subject.encode("utf-8", "surrogatepass")) % len(self.partitions)]

    def route(self, recorded: Recorded) -> None:
        self.partition_of(recorded.signal.subject).offer(recorded)

    @property
    def waiting(self) -> int:
        """Signals that are durable and not yet applied."""
        return sum(partition.waiting for partition in self.partitions)

    @property
    def conversations(self) -> int:
        """Conversations whose state is in memory."""
        return sum(len(partition.engine.states) for partition in self.partitions)

    @property
    def poisoned(self) -> int:
        """Signals that could not be applied."""
        return sum(partition.poisoned for partition in self.partitions)
