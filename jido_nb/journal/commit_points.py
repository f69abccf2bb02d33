"""Named places on the way of a signal, between which a process may die without losing what it acknowledged.

In production nobody watches, and passing one costs a call and a look (some 40 ns, a few times per signal, never per
chunk). `jido_nb.testing.crash_matrix` watches, and kills the process at each of them in turn.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

POINTS: Mapping[str, str] = {
    "ingest.checked": "the contract let a signal through; nothing has it yet",
    "ingest.taken": "the writer holds a batch; nothing is written",
    "journal.begun": "the transaction is open, and empty",
    "journal.written": "the rows are in the transaction, which is not committed",
    "journal.committed": "the batch is durable; whoever wrote it does not know",
    "ingest.durable": "the writer knows; nothing is published",
    "ingest.published": "subscribers and partitions have a signal; whoever put it is not told",
    "partition.applied": "the reducer took a signal; nothing that it asked for is done",
    "partition.executed": "outputs are queued and effects started; no marker covers the signal",
    "partition.marked": "a run is closed and its marker queued",
    "partition.settled": "the marker is durable; nobody is told that the turn has ended",
    "effect.begun": "an effect has its task; nothing about it is written",
    "effect.started": "`started` is durable; nothing was called",
    "effect.progressed": "a piece of an answer is queued",
    "effect.returned": "the work was done; the ending is not decided",
    "effect.decided": "the ending is decided; it is not written",
    "effect.retrying": "an attempt failed and that is queued; the wait has not begun",
    "effect.retried": "the next attempt is durable; nothing was called",
    "effect.canceled": "a cancel was accepted; the work has not stopped",
    "effect.told": "the backend was told of the cancel; the ending is not written",
    "effect.ended": "the terminal signal is queued",
    "effect.done": "the terminal signal is durable; its outputs are not",
    "runtime.closing": "what runs was asked to end",
    "runtime.idle": "everything is written, applied and marked; backends are open",
    "recovery.read": "what a crash left has been read; nothing is put in order",
    "recovery.applied": "what was durable is applied, and effects without an end have one",
}
"""Name and what has happened when it is passed, and what has not."""

Watch = Callable[[str], None]

_watch: Watch | None = None


def reached(point: str) -> None:
    """Pass the commit point of that name, which is one of `POINTS`."""
    if _watch is not None:
        _watch(point)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Call `watch` with the name of each commit point that this process passes, on whichever thread it does."""
    global _watch
    before, _watch = _watch, watch
    try:
        yield
    finally:
        _watch = before
