"""The one way into the log: contract, journal, and only then the bus and the partitions.

Signals are written in the order they were put, but for wishes to end something (`writing_line.py`). One writer takes
whatever has gathered and commits it as one transaction, so a burst costs one commit and a lone signal waits for nobody.
What a caller was told is durable is durable; what failed to be written is never published.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import anyio
from anyio.lowlevel import checkpoint

from ..core.catalogue import CONTROL_TYPES, stream_of
from ..core.contract import normalize
from ..core.signal import Recorded, Signal
from ..errors import ClosedError, ContractError, JidoError, JournalError
from ..journal.commit_points import reached
from ..journal.protocol import Appended
from .bus import Bus
from .hands import Hands
from .ids import IdFactory, now_us
from .owners import Owners
from .redactor import NOTHING_SECRET, Redactor
from .writing_line import Mark, WritingLine


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an ingested signal: it is in the journal at `seq`, new (`published`) or already there."""

    signal: Signal
    seq: int
    status: Literal["published", "duplicate"]


class _Pending:
    __slots__ = ("appended", "error", "event", "on_done", "signal")

    def __init__(self, signal: Signal, on_done: Callable[[], None] | None) -> None:
        self.signal = signal
        self.on_done = on_done
        self.event: anyio.Event | None = None
        self.appended: Appended | None = None
        self.error: JidoError | None = None

    async def wait(self) -> Receipt:
        if self.appended is None and self.error is None:
            self.event = anyio.Event()
            await self.event.wait()
        if self.appended is None:
            # Raised to many, so what it remembers of the places where it was raised must not add up.
            raise (self.error or ClosedError("the runtime is closed")).with_traceback(None)
        recorded, duplicate = self.appended
        return Receipt(recorded.signal, recorded.seq, "duplicate" if duplicate else "published")


class Ingest:
    """Contract, group commit and publication for the journal of `owners`.

    `route` gets every new signal after it was published; `check` may refuse a signal that the contract lets through;
    `at_rest` is told of a conversation when the last signal on its way turns out to be no news, and nothing follows.
    """

    def __init__(
        self,
        owners: Owners,
        bus: Bus,
        *,
        route: Callable[[Recorded], None],
        check: Callable[[Signal], None] = lambda signal: None,
        at_rest: Callable[[str], None] = lambda subject: None,
        redactor: Redactor = NOTHING_SECRET,
        new_id: Callable[[], str] | None = None,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self.journal = owners.journal
        self.reading = owners.reading
        self.redactor = redactor
        self.new_id = new_id or IdFactory()
        self.clock_us = clock_us
        self.backlog: Counter[str] = Counter()
        """Per subject: signals on their way, from the moment they are put until they are applied."""
        self.closing = False
        """Whether signals from outside are refused; what the runtime has to write of its own is written still."""
        self.failure: JidoError | None = None
        """Set when the journal refused a batch: nothing more is written after that."""
        self.stopped: Callable[[], None] = lambda: None
        """Called when that happens, once."""
        self._bus = bus
        self._route = route
        self._owners = owners
        self._check = check
        self._at_rest = at_rest
        self._writing = Hands("jido journal writer")
        self._line: WritingLine[_Pending] = WritingLine()
        self._wake = anyio.Event()
        self._over = False
        self._quiet: anyio.Event | None = None
        self._flushers: deque[tuple[Mark, anyio.Event]] = deque()

    async def ingest(self, raw: Signal | Mapping[str, Any], *, cause_id: str | None = None) -> Receipt:
        """Check `raw`, write it, publish it; returns when it is durable.

        Raises:
            ContractError: it breaks the contract, names an unknown cause, or holds a bad override; nothing was written.
            ClosedError: the runtime closes or is closed; nothing was written.
            JournalError: the journal could not write it.
        """
        signal = await self._checked(raw, cause_id)
        self._check_open()
        await self._owners.hold([signal.subject])
        self._check_open()
        reached("ingest.checked")
        return await self._enqueue(signal, None).wait()

    async def ingest_many(self, raws: Iterable[Signal | Mapping[str, Any]]) -> list[Receipt]:
        """As `ingest` for a batch, in the order of `writing_line`. Nothing is written when any of them is refused."""
        batch: dict[str, None] = {}
        signals = []
        for raw in raws:
            signal = await self._checked(raw, None, batch)
            batch[signal.id] = None
            signals.append(signal)
        self._check_open()
        await self._owners.hold({signal.subject: None for signal in signals})
        self._check_open()
        pendings = [self._enqueue(signal, None) for signal in signals]
        await self.flush()
        return [await pending.wait() for pending in pendings]

    def put(self, signal: Signal, on_done: Callable[[], None] | None = None) -> None:
        """Queue a signal of the runtime's own making; never waits. `on_done` runs when it is published, or refused."""
        self._enqueue(self.redactor.own(signal), on_done)

    async def flush(self) -> None:
        """Return when everything put so far is durable. Raises what the journal raised."""
        mark = self._line.mark()
        if not self._line.passed(mark):
            event = anyio.Event()
            self._flushers.append((mark, event))
            await event.wait()
        if self.failure is not None:
            raise self.failure.with_traceback(None)

    def applied(self, subject: str) -> bool:
        """Note that a signal of `subject` was applied; true when nothing more of it is on its way."""
        left = self.backlog[subject] - 1
        if left > 0:
            self.backlog[subject] = left
            return False
        del self.backlog[subject]
        if self._quiet is not None:
            self._quiet.set()
            self._quiet = None
        return True

    async def wait_applied(self, subject: str | None = None) -> None:
        """Return when nothing is on its way any more, in that conversation or in any."""
        while self.backlog if subject is None else subject in self.backlog:
            self._quiet = self._quiet or anyio.Event()
            await self._quiet.wait()

    @property
    def waiting(self) -> int:
        """How many signals wait to be written."""
        return len(self._line)

    async def run(self) -> None:
        """The writer. Runs until canceled; cancel it after `flush`."""
        try:
            while True:
                if not self._line:
                    self._wake = anyio.Event()
                    await self._wake.wait()
                await self._write(self._line.take())
        finally:
            self._over = True
            while batch := self._line.take():
                self._refuse(batch, ClosedError("the runtime is closed"))
            self._writing.close()

    async def _write(self, batch: Sequence[_Pending]) -> None:
        if self.failure is not None:
            self._refuse(batch, self.failure)
            return
        signals = [pending.signal for pending in batch]
        reached("ingest.taken")
        try:
            appended = await self._append(signals)
        except JidoError as error:
            self._refuse(batch, error)
            self.stopped()
        except Exception as error:
            self._refuse(batch, JournalError(f"the journal could not write: {error}", path=self.journal.location))
            self.stopped()
        except BaseException:
            self._refuse(batch, ClosedError("the runtime is closed"))
            raise
        else:
            reached("ingest.durable")
            self._publish(batch, appended)

    async def _append(self, signals: Sequence[Signal]) -> Sequence[Appended]:
        if self.journal.blocking:
            return await self._writing(partial(self.journal.append, signals))
        # Before, not after: being canceled between writing and publishing would leave signals that nobody hears of.
        await checkpoint()
        return self.journal.append(signals)

    def _publish(self, batch: Sequence[_Pending], appended: Sequence[Appended]) -> None:
        for pending, result in zip(batch, appended, strict=True):
            recorded, duplicate = result
            if not duplicate:
                self._owners.note(recorded)
                self._bus.publish(recorded)
                self._route(recorded)
                reached("ingest.published")
            else:
                self._no_news(recorded.signal)
            pending.appended = result
            self._tell(pending)
        self._written()

    def _refuse(self, batch: Sequence[_Pending], error: JidoError) -> None:
        self.failure = self.failure or error
        for pending in batch:
            pending.error = error
            self._no_news(pending.signal)
            self._tell(pending)
        self._written()

    def _no_news(self, signal: Signal) -> None:
        if stream_of(signal.type) != "applied" and self.applied(signal.subject):
            self._at_rest(signal.subject)

    @staticmethod
    def _tell(pending: _Pending) -> None:
        if pending.event is not None:
            pending.event.set()
        if pending.on_done is not None:
            pending.on_done()

    def _written(self) -> None:
        self._line.written()
        while self._flushers and self._line.passed(self._flushers[0][0]):
            self._flushers.popleft()[1].set()

    def _enqueue(self, signal: Signal, on_done: Callable[[], None] | None) -> _Pending:
        pending = _Pending(signal, on_done)
        if self._over:
            # Nobody is left to write it: whoever waits must not be told that it is durable, nor wait for ever.
            pending.error = self.failure = self.failure or ClosedError("the runtime is closed")
            self._tell(pending)
            return pending
        if stream_of(signal.type) != "applied":
            self.backlog[signal.subject] += 1
        # Unbounded on purpose: the runtime feeds itself here and must never wait on its own queue.
        self._line.put(pending)
        self._wake.set()
        return pending

    def _check_open(self) -> None:
        # Right before a signal is queued, with no await between: whatever was queued before is applied before the end.
        if self.closing:
            raise ClosedError("the runtime is closed")

    async def _checked(
        self, raw: Signal | Mapping[str, Any], cause_id: str | None, batch: Mapping[str, None] | None = None
    ) -> Signal:
        with self.redactor.refusing():
            signal = normalize(raw, new_id=self.new_id, now_us=self.clock_us, cause_id=cause_id)
            self._check(signal)
        signal = self.redactor.signal(signal)
        cause = signal.cause_id
        if cause is None or self._line.knows(cause) or (batch and cause in batch) or await self._in_journal(cause):
            return signal
        if signal.type in CONTROL_TYPES:
            # Whoever asks for an end gets it, however wrong the reason given.
            return normalize({**_raw(signal), "extensions": _without_cause(signal)}, new_id=self.new_id, now_us=now_us)
        message = f"cause_id {cause!r} is the id of no signal in the journal"
        raise ContractError(message, field="cause_id", reason="unknown", value=cause)

    async def _in_journal(self, signal_id: str) -> bool:
        return await self.reading(partial(self.journal.find, signal_id)) is not None


def _raw(signal: Signal) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in ("id", "type", "source", "subject", "time", "data")}


def _without_cause(signal: Signal) -> dict[str, Any]:
    return {key: value for key, value in signal.extensions.items() if key != "cause_id"}
