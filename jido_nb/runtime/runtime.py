"""The runtime: everything that lives while a journal is open. `opening.py` starts it and ends it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from ..backends.registry import open_backend
from ..core.budget import Budget
from ..core.directives import CancelEffects
from ..core.policy import EffectClass
from ..core.projections.histogram import Histogram
from ..core.projections.telemetry import TelemetrySnapshot
from ..core.signal import Recorded, Signal
from ..core.state import ConversationState
from ..errors import ClosedError, JidoError, JournalError
from ..journal.commit_points import reached
from ..journal.continuing import continued
from ..llm.settings import Settings
from .adapter_methods import AdapterMethods
from .bus import Bus
from .clock import SYSTEM_CLOCK, Clock
from .conversation import Conversation
from .coordinator import Coordinator
from .effects import Effects
from .executors.table import executors
from .following import send_and_follow
from .health import Health
from .ingest import Ingest, Receipt
from .known_secrets import redactor_of
from .live_metrics import LiveMetrics
from .llm_messages import llm_messages
from .logs import logger_of
from .message_check import MessageCheck
from .owners import Owners
from .pace import Pace
from .parity import Parity
from .partition import Partition
from .recordings import Recordings
from .recovery import Recovery
from .trace import trace
from .turn import Turn

logger = logger_of(__name__)

CLOSE_LIMIT_S = 5.0
"""How long closing may take before it goes on without those who do not answer."""

_CLASSES: tuple[EffectClass, ...] = ("llm", "tool", "timer")

Tools = Mapping[str, Callable[..., Any]]
T = TypeVar("T")


class Runtime(AdapterMethods):
    """Conversations over one journal. Made by `open_runtime`; its methods belong to the loop that opened it."""

    def __init__(
        self, tasks: TaskGroup, settings: Settings, owners: Owners, tools: Tools | None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.settings = settings
        self.journal = journal = owners.journal
        self.bus = Bus()
        self.closed = False
        self.over = anyio.Event()
        """Set when closing has done what it could."""
        self._tasks = tasks
        policies = {name: settings.policy_of(name) for name in _CLASSES}
        allow = settings.allow_simulate_effect
        check = MessageCheck(policies, settings.llm.backends, allow_simulation=allow)
        self._owners = owners
        self.redactor = redactor = redactor_of(settings)
        self._ingest = Ingest(
            owners, self.bus, route=self._route, check=check, at_rest=self._at_rest, redactor=redactor
        )
        self.recordings = Recordings(
            tasks, journal, self.bus, lambda name: open_backend(name, settings), self.cancel, redactor
        )
        backends, context = self.recordings.backend, self._llm_messages
        pace = Pace(clock)
        self._effects = Effects(
            tasks,
            self._ingest,
            executors(settings, self._ingest.reading, backends, context, tools, redactor, pace),
            policies,
            allow_simulation=allow,
            cancel_limit_s=settings.backend_cancel_timeout_ms / 1000,
            conversation_budget=settings.budgets.conversation,
            pace=pace,
        )
        self._recovery = Recovery(owners, self._ingest, self._effects, self._route)
        owners.mend = self._recovery.mend
        self._parity = Parity(owners.reading)
        self._metrics = LiveMetrics(journal, self.bus)
        self._coordinator = Coordinator(
            [
                Partition(
                    index,
                    self._ingest,
                    owners,
                    load=self._load_state,
                    start=self._effects.start,
                    cancel=self._effects.cancel,
                    ended=self._ended,
                )
                for index in range(settings.runtime_partitions)
            ]
        )

    @property
    def new_id(self) -> Callable[[], str]:
        return self._ingest.new_id

    async def ingest(self, raw: Signal | Mapping[str, Any], cause_id: str | None = None) -> Receipt:
        """Write a raw signal (see `core.contract`) and let it act. Durable when this returns.

        Raises:
            ContractError: nothing was written.
            JournalError: it could not be written.
        """
        return await self._ingest.ingest(raw, cause_id=cause_id)

    async def ingest_many(self, raws: Iterable[Signal | Mapping[str, Any]]) -> list[Receipt]:
        """Write a batch in one go, in order; nothing of it is written if one of them breaks the contract."""
        return await self._ingest.ingest_many(raws)

    def conversation(
        self,
        conversation_id: str | None = None,
        *,
        project_id: str | None = None,
        backend: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        stream: bool | None = None,
        timeout_ms: int | None = None,
        options: Mapping[str, Any] | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
    ) -> Conversation:
        """The conversation of this id, with these defaults for its requests; a new one when no id is given.

        `budget` caps what all its generations together may spend (`core.budget.Budget`).

        Raises:
            ContractError: a default is not valid.
        """
        defaults: dict[str, Any] = {"backend": backend, "provider": provider, "model": model, "stream": stream}
        defaults |= {"system_prompt": system_prompt, "timeout_ms": timeout_ms, "options": options}
        conversation_id = self.new_id() if conversation_id is None else conversation_id
        return Conversation(self, conversation_id, project_id=project_id, defaults=defaults, budget=budget)

    async def start_turn(self, conversation: Conversation, raw: Mapping[str, Any]) -> Turn:
        """Write a message and follow its answer. A message that was sent before gives the turn it has."""
        return await send_and_follow(self._effects, conversation, raw)

    @property
    def failure(self) -> JidoError | None:
        """What the journal refused with, if it did: nothing is written after that."""
        failure = self._ingest.failure
        return None if isinstance(failure, ClosedError) else failure

    async def cancel(self, raw: Mapping[str, Any]) -> None:
        """Write a control signal (see `adapters`) and let it act; it acts also when the journal can no longer write."""
        try:
            await self.ingest(raw)
        except (JournalError, ClosedError) as error:
            if self._ingest.closing:
                raise
            data = raw["data"]
            who = data.get("requested_by")
            self._effects.cancel(CancelEffects(raw["subject"], data.get("effect_id"), data["reason"], who, None))
            logger.error("canceled without a record: %s", error)

    async def events(
        self, types: str | Sequence[str] | None = None, subject: str | None = None, after_seq: int = 0
    ) -> list[Recorded]:
        """The signals of the journal that match, in order."""
        await self._ingest.flush()
        return await self._blocking(lambda: list(self.journal.read(types=types, subject=subject, after_seq=after_seq)))

    async def trace(
        self, signal_id: str, direction: Literal["backward", "forward"] = "backward", limit: int = 1000
    ) -> list[Recorded]:
        """The signal with its causes (`backward`) or with all that followed from it (`forward`, depth first)."""
        await self._ingest.flush()
        return await self._blocking(lambda: trace(self.journal, signal_id, direction, limit))

    def telemetry(self) -> TelemetrySnapshot:
        """What happened since the runtime was opened, in numbers, as its part of the journal gives them; and queues."""
        partitions = self._coordinator.partitions
        return self._metrics.get().snapshot(
            queue_depth={str(partition.index): partition.waiting for partition in partitions},
            apply_latency_ms=Histogram.merged(partition.apply_latency for partition in partitions).summary(),
            abort_latency_ms=Histogram.merged(partition.abort_latency for partition in partitions).summary(),
            not_applied=self._coordinator.poisoned,
            dispatch_failures=self.bus.errors,
            last_dispatch_failure=self.bus.last_error,
        )

    def health(self) -> Health:
        """How the runtime is; cheap enough to ask often."""
        effects, bus = self._effects.statistics(), self.bus.statistics()
        problems = [
            self._ingest.failure and not self.closed and f"the journal stopped: {self._ingest.failure}",
            self._parity.divergence and f"a replay differs from what was lived: {self._parity.divergence}",
            bus["errors"] and f"{bus['errors']} subscriber callbacks raised",
            (lost := self._coordinator.poisoned) and f"{lost} signals could not be applied",
            effects["stuck"] and f"the work of {effects['stuck']} effects that have ended does not let go",
            self._parity.failure and f"the replay could not be checked: {self._parity.failure}",
        ]
        found = tuple(problem for problem in problems if isinstance(problem, str))
        return Health(
            status="closed" if self.closed else "degraded" if found else "ok",
            problems=found,
            journal=self.journal.location,
            signals=0 if self.closed else self._owners.signals(),
            waiting=self._ingest.waiting + self._coordinator.waiting,
            in_flight=effects["in_flight"],
            queued=effects["queued"],
            conversations=self._coordinator.conversations,
            turns_checked=self._parity.checked,
            recovered=self._recovery.count,
            subscribers=bus,
        )

    async def idle(self) -> None:
        """Return when nothing runs and everything that was put is durable, applied and marked."""
        while True:
            await self._effects.wait_idle()
            await self._ingest.flush()
            await self._ingest.wait_applied()
            for partition in self._coordinator.partitions:
                partition.mark_all()
            await self._ingest.flush()
            await self._parity.wait_idle()
            if not len(self._effects) and not self._ingest.backlog:
                return await self.recordings.flush()
            await checkpoint()

    async def open(self) -> None:
        """Start the tasks and put in order what a crash left."""
        wreck = await self._recovery.find()
        self._tasks.start_soon(self._ingest.run, name="jido journal")
        for partition in self._coordinator.partitions:
            self._tasks.start_soon(partition.run, name=f"jido partition {partition.index}")
        self._tasks.start_soon(self._parity.run, name="jido replay parity")
        await self._recovery.put_in_order(wreck, self.idle)

    async def close(self) -> None:
        """End what runs (`runtime_closed`), write everything down, close the backends. Bounded in time."""
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(CLOSE_LIMIT_S):
                self._ingest.closing = True
                self._effects.close()
                reached("runtime.closing")
                try:
                    await self.idle()
                except JidoError as error:
                    # Whoever waited was told. What is missing is put in order when the journal is reopened.
                    logger.error("closed without writing everything down: %s", error)
            with anyio.move_on_after(CLOSE_LIMIT_S):
                reached("runtime.idle")
                await self.recordings.close()
            self.closed = True
            self._effects.abandon()
            self.over.set()

    def _route(self, recorded: Recorded) -> None:
        self._coordinator.route(recorded)

    def _at_rest(self, subject: str) -> None:
        self._coordinator.partition_of(subject).touch(subject)

    def _ended(self, subject: str, effect_ids: Iterable[str]) -> None:
        effect_ids = list(effect_ids)
        self._effects.ended(subject, effect_ids)
        if effect_ids:
            self._parity.offer(subject, len(effect_ids))

    async def _load_state(self, subject: str) -> ConversationState | None:
        if not self._owners.taken(subject).known:
            return None
        with suppress(JidoError):  # what is written can be read, even when nothing more can be written
            await self._ingest.flush()
        replayer = await self._ingest.reading(lambda: continued(self.journal, subject))
        self._parity.adopt(subject, replayer)
        return replayer.states.get(subject)

    async def _llm_messages(self, conversation_id: str, message_id: str | None) -> list[dict[str, Any]]:
        journal, limit, queued = self.journal, self.settings.context_messages, len(self._effects)
        return await self._ingest.reading(lambda: llm_messages(journal, conversation_id, message_id, limit, queued))

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work) if self.journal.blocking else work()
