"""Decides, for the conversations of one partition: what is applied next, and what follows from it.

The engine is offered recorded signals in journal order and applies them one at a time in the order of the ready queue.
What it applied of a conversation since its last marker is a *run*; `take_marker` closes it, and the marker's payload
holds the order of application with the chained hash, which is all that a replay needs.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from .catalogue import APPLIED, stream_of
from .directives import Directive
from .entry import Entry, entry_of
from .fairness import FAIRNESS_THRESHOLD
from .ready_queue import ReadyQueue
from .reducer import reduce
from .signal import Recorded, Signal, to_body
from .snapshot import SNAPSHOT, snapshot_of
from .state import ConversationState

MARKER_SOURCE = "/runtime/reducer"
MARKER_TYPE = APPLIED

DIGEST_BYTES = 4
"""How much of the chain each signal leaves in its marker: enough to locate the first difference."""

SEAL = "seal"
"""Key, always the last one, under which a marker keeps the hash over the rest of its own payload."""


class Applied(NamedTuple):
    """One application: which signal, the state it led to, and what must be done."""

    recorded: Recorded
    priority: int
    state: ConversationState
    directives: Sequence[Directive]


class _Run(NamedTuple):
    ids: list[str]
    digests: list[str]


class Marker(NamedTuple):
    """The end of a run: the subject and the payload of its `conv.applied.event.applied` signal."""

    subject: str
    cause_id: str
    data: Mapping[str, Any]


class PoisonedSignal(Exception):
    """A signal that no reducer rule can take: a fault of ours, held to the one signal that shows it."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(f"seq {recorded.seq} ({recorded.signal.type}) cannot be applied")
        self.recorded = recorded


class Engine:
    """The pure heart of a partition; it owns its queue and the states of its conversations."""

    def __init__(self, partition_id: int = 0, threshold: int = FAIRNESS_THRESHOLD) -> None:
        self.partition_id = partition_id
        self.states: dict[str, ConversationState] = {}
        self._queue = ReadyQueue(threshold)
        self._runs: dict[str, _Run] = {}

    def __len__(self) -> int:
        """How many signals wait."""
        return len(self._queue)

    def offer(self, recorded: Recorded) -> None:
        """Queue a signal. Markers are not applied: offering one does nothing."""
        if stream_of(recorded.signal.type) != "applied":
            self._queue.push(entry_of(recorded))

    def step(self) -> Applied | None:
        """Apply the next signal; None when none waits.

        Raises:
            PoisonedSignal: the reducer cannot take it; the state is as before, and the next step goes on behind it.
        """
        entry = self._queue.pop()
        if entry is None:
            return None
        try:
            return self._apply(entry)
        except Exception as error:
            raise PoisonedSignal(entry.recorded) from error

    def run_length(self, subject: str) -> int:
        """How many signals of a conversation were applied since its last marker."""
        run = self._runs.get(subject)
        return 0 if run is None else len(run.ids)

    @property
    def open_runs(self) -> list[str]:
        """The conversations that moved since their last marker."""
        return list(self._runs)

    def take_marker(self, subject: str, *, at_rest: bool = False) -> Marker | None:
        """Close the open run of a conversation; None if there is none.

        Args:
            at_rest: All that was written in the conversation so far has been applied, so the marker keeps its state.
        """
        run = self._runs.pop(subject, None)
        if run is None:
            return None
        data = marker_data(self.states[subject], run.ids, "".join(run.digests), self.partition_id, at_rest)
        return Marker(subject, run.ids[-1], sealed(data))

    def forget(self, subject: str) -> None:
        """Drop the state of a conversation that has nothing waiting and no open run; it can be replayed back."""
        if subject not in self._runs:
            self.states.pop(subject, None)

    def _apply(self, entry: Entry) -> Applied:
        signal = entry.recorded.signal
        subject = signal.subject
        state = self.states.get(subject)
        if state is None:
            state = ConversationState(subject)
        state, directives = reduce(state, signal, entry.seq, entry.priority)
        self.states[subject] = state
        run = self._runs.get(subject)
        if run is None:
            run = self._runs[subject] = _Run([], [])
        run.ids.append(signal.id)
        run.digests.append(digest_of(state))
        return Applied(entry.recorded, entry.priority, state, directives)


def digest_of(state: ConversationState) -> str:
    """What the signal that led to `state` leaves of the chain in its marker."""
    return state.chain[:DIGEST_BYTES].hex()


def marker_data(
    state: ConversationState, ids: Sequence[str], digests: str, partition_id: Any, at_rest: bool
) -> dict[str, Any]:
    """What the marker tells of a run that applied `ids`, in that order, and led to `state`; not sealed yet."""
    data = {
        "applied_event_id": ids[-1],
        "applied_event_ids": ids,
        "digests": digests,
        "state_hash": state.chain.hex(),
        "applied_count": state.applied_count,
        "partition_id": partition_id,
    }
    return {**data, SNAPSHOT: snapshot_of(state)} if at_rest else data


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with its seal.

    The chain says whether the signals are those that were applied; the seal says whether the marker is the one that was
    written, so that a difference between the two is blamed on the one that was touched.
    """
    return {**data, SEAL: _seal_of(to_body(data, "null")[:-1])}


def seals(body: bytes) -> tuple[str, str]:
    """The seal that the body of a sealed marker bears, and the one that it should."""
    frame = f',"{SEAL}":""}}'
    length = len(frame) + 2 * DIGEST_BYTES
    told = body[-2 - 2 * DIGEST_BYTES : -2].decode("ascii", "replace")
    return told, _seal_of(body[:-length]) if body[-length:] == f',"{SEAL}":"{told}"}}'.encode() else "at the end"


def _seal_of(opening: bytes) -> str:
    """The seal for a body that begins like this; what follows is the seal itself."""
    return sha256(opening).digest()[:DIGEST_BYTES].hex()


def is_foreign(marker: Signal) -> bool:
    """Whether somebody else wrote this marker: it claims nothing that could be proven."""
    return marker.source != MARKER_SOURCE and marker.id != marker_id(marker.data)


def marker_id(data: Mapping[str, Any]) -> str:
    """The id of a marker, from its payload: the same run is marked once."""
    return f"{data['applied_event_id']}/applied"
