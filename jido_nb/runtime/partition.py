"""One lane of the runtime: applies signals one after the other and does what the reducer asks for.

The inbox is emptied into the engine before each pick, so an abort that arrives behind ten thousand deltas is applied
next. A marker records what was applied of a conversation, in which order, with the state's hash: when the conversation
comes to rest, when an effect of it has ended, or when the run has grown long, so that markers are few.
"""

import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ..core.catalogue import CONTROL_TYPES, TERMINAL_LIFECYCLES, stream_of
from ..core.directives import CancelEffects, Directive, EmitOutput, StartEffect
from ..core.engine import MARKER_SOURCE, MARKER_TYPE, Applied, Engine, Marker, PoisonedSignal, marker_id
from ..core.outputs import OUTPUT_SOURCE
from ..core.projections.histogram import Histogram
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal
from ..core.state import ConversationState
from ..errors import JidoError
from ..journal.commit_points import reached
from .ingest import Ingest
from .logs import logger_of
from .owners import Owners

logger = logger_of(__name__)

DRAIN_STEPS = 200
"""How many signals are applied before others on the loop get a turn."""

LONGEST_RUN = 256
"""Signals that one marker covers at most, so that a crash in a long stream leaves little to apply again."""

KEPT_STATES = 256
"""Conversations whose state, of at most 20 KB, stays in memory when they rest; others are read back when they wake."""

LoadState = Callable[[str], Awaitable[ConversationState | None]]


class Partition:
    """Applies the signals of the conversations that hash to it.

    `load` gives the state of a conversation that is in the journal but not in memory. `start` and `cancel` take the
    reducer's wishes; `ended` is told of effects whose terminal signal, outputs and markers are all durable.
    """

    def __init__(
        self,
        index: int,
        ingest: Ingest,
        owners: Owners,
        *,
        load: LoadState,
        start: Callable[[StartEffect], None],
        cancel: Callable[[CancelEffects], None],
        ended: Callable[[str, Iterable[str]], None],
    ) -> None:
        self.index = index
        self.engine = Engine(index)
        self.apply_latency = Histogram()
        self.abort_latency = Histogram()
        self.poisoned = 0
        """Signals that could not be applied."""
        self._ingest = ingest
        self._load = load
        self._owners = owners
        self._start = start
        self._cancel = cancel
        self._ended = ended
        self._inbox: deque[tuple[float, Recorded]] = deque()
        self._wake = anyio.Event()
        self._arrived: dict[int, float] = {}
        self._endings: dict[str, list[str]] = {}
        self._cancels: dict[str, dict[str | None, tuple[int, CancelEffects]]] = {}
        """Per moving subject and effect id (None: all): the last cancel that was applied, and its seq."""
        self._touched: set[str] = set()
        self._marking: Counter[str] = Counter()
        """Per subject: markers that are on their way."""
        self._left_out: set[str] = set()
        """Conversations in whose log a signal stands that was not applied: no marker may say that all were."""

    def offer(self, recorded: Recorded) -> None:
        """Take a durable signal; never waits. Markers are for the replay and are left out."""
        if stream_of(recorded.signal.type) != "applied":
            # Unbounded on purpose: a partition feeds itself, and must never wait on its own inbox.
            self._inbox.append((time.perf_counter(), recorded))
            self._wake.set()

    def touch(self, subject: str) -> None:
        """Look at a conversation again, which came to rest without a signal to apply."""
        self._touched.add(subject)
        self._wake.set()

    @property
    def waiting(self) -> int:
        return len(self._inbox) + len(self.engine)

    async def run(self) -> None:
        """Apply what arrives, until canceled."""
        try:
            while True:
                if not self._inbox and not self._touched:
                    self._wake = anyio.Event()
                    await self._wake.wait()
                await self._drain()
                self._rest()
        finally:
            # A turn that somebody keeps, as a notebook's `Out` does, keeps its runtime: let that be a small thing.
            self.engine.states.clear()

    def mark_all(self) -> None:
        """Close every open run, whatever state its conversation is in."""
        for subject in self.engine.open_runs:
            self._mark(subject)

    async def _drain(self) -> None:
        steps = 0
        while True:
            await self._take_in()
            began = time.perf_counter()
            try:
                applied = self.engine.step()
            except PoisonedSignal as poisoned:
                self._set_aside(poisoned.recorded, poisoned)
                continue
            if applied is None:
                break
            reached("partition.applied")
            self._account(applied)
            for directive in applied.directives:
                self._execute(directive, applied.recorded.seq)
            reached("partition.executed")
            subject = applied.recorded.signal.subject
            self._ingest.applied(subject)
            self._touched.add(subject)
            self.apply_latency.add(1000 * (time.perf_counter() - began))
            steps += 1
            if steps == DRAIN_STEPS:
                steps = 0
                self._mark_touched()
                await checkpoint()
        self._mark_touched()

    def _set_aside(self, recorded: Recorded, error: Exception) -> None:
        logger.error("seq %d cannot be applied and stays in the journal as it is", recorded.seq, exc_info=error)
        self.poisoned += 1
        self._left_out.add(recorded.signal.subject)
        self._ingest.applied(recorded.signal.subject)
        self._touched.add(recorded.signal.subject)

    async def _take_in(self) -> None:
        states = self.engine.states
        while self._inbox:
            arrived, recorded = self._inbox.popleft()
            subject = recorded.signal.subject
            if subject not in states:
                try:
                    state = await self._load(subject)
                except JidoError as error:
                    self._set_aside(recorded, error)
                    continue
                states[subject] = state or ConversationState(subject)
            if recorded.signal.type in CONTROL_TYPES:
                self._arrived[recorded.seq] = arrived
            self.engine.offer(recorded)

    def _account(self, applied: Applied) -> None:
        signal = applied.recorded.signal
        if signal.type in CONTROL_TYPES:
            self.abort_latency.add(1000 * (time.perf_counter() - self._arrived.pop(applied.recorded.seq)))
        elif stream_of(signal.type) == "effect" and signal.data["lifecycle"] in TERMINAL_LIFECYCLES:
            self._endings.setdefault(signal.subject, []).append(str(signal.data["effect_id"]))

    def _execute(self, directive: Directive, seq: int) -> None:
        if isinstance(directive, EmitOutput):
            self._ingest.put(self._output(directive))
        elif isinstance(directive, StartEffect):
            # What was asked for before is for the recovery to end, or to drive again.
            if seq > self._owners.taken(directive.conversation_id).seq:
                self._start(directive)
                self._cancel_if_overtaken(directive, seq)
        else:
            self._cancels.setdefault(directive.conversation_id, {})[directive.effect_id] = (seq, directive)
            self._cancel(directive)

    def _cancel_if_overtaken(self, start: StartEffect, seq: int) -> None:
        # Control overtakes messages: an abort that was sent after a message may be applied before it, and means it too.
        cancels = self._cancels.get(start.conversation_id, {})
        for effect_id in (None, start.effect_id):
            cancel_seq, cancel = cancels.get(effect_id, (0, None))
            if cancel is not None and cancel_seq > seq:
                self._cancel(cancel._replace(effect_id=start.effect_id))

    def _mark_touched(self) -> None:
        touched, self._touched = self._touched, set()
        for subject in touched:
            state = self.engine.states.get(subject)
            at_rest = not self._ingest.backlog[subject]
            if at_rest:
                self._cancels.pop(subject, None)
                if state is None and self._owners.has(subject):
                    # All that came was known already, so no state was loaded that would leave memory one day.
                    self._owners.give_back(subject)
            wanted = subject in self._endings or (state is not None and not state.in_flight)
            if (at_rest and wanted) or self.engine.run_length(subject) >= LONGEST_RUN:
                self._mark(subject)

    def _mark(self, subject: str) -> None:
        at_rest = not self._ingest.backlog[subject] and subject not in self._left_out
        marker = self.engine.take_marker(subject, at_rest=at_rest)
        # Outputs are put before the marker that covers what they follow from, so they are durable when it is. Whatever
        # else of the conversation is on its way does not keep these effects from having ended.
        effect_ids = self._endings.pop(subject, ())
        if marker is not None:
            self._marking[subject] += 1
            self._ingest.put(self._marker(marker), on_done=partial(self._marked, subject, effect_ids))
            reached("partition.marked")
        else:
            self._settle(subject, effect_ids)

    def _marked(self, subject: str, effect_ids: Iterable[str]) -> None:
        self._marking[subject] -= 1
        if not self._marking[subject]:
            del self._marking[subject]
            if len(self.engine.states) > KEPT_STATES:
                self.touch(subject)
        self._settle(subject, effect_ids)

    def _settle(self, subject: str, effect_ids: Iterable[str]) -> None:
        reached("partition.settled")
        self._ended(subject, effect_ids)

    def _rest(self) -> None:
        states, busy, marking = self.engine.states, self._ingest.backlog, self._marking
        if (spare := len(states) - KEPT_STATES) > 0:
            # Not while a marker is on its way: who takes the conversation then would find it torn, and mend it.
            at_rest = (name for name, state in states.items() if not (state.in_flight or busy[name] or marking[name]))
            for subject in list(islice(at_rest, spare)):
                self.engine.forget(subject)
                self._owners.give_back(subject)

    def _output(self, output: EmitOutput) -> Signal:
        return self._signal(output.id, output.type, OUTPUT_SOURCE, output.conversation_id, output.data, output.cause_id)

    def _marker(self, marker: Marker) -> Signal:
        data = marker.data
        return self._signal(marker_id(data), MARKER_TYPE, MARKER_SOURCE, marker.subject, data, marker.cause_id)

    def _signal(self, id: str, type: str, source: str, subject: str, data: Mapping[str, Any], cause_id: str) -> Signal:
        return make_signal(
            id=id,
            type=type,
            source=source,
            subject=subject,
            time_us=self._ingest.clock_us(),
            data=data,
            extensions={"contract_major": CONTRACT_MAJOR, "cause_id": cause_id},
        )
