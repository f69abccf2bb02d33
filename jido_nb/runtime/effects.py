"""Starts, lines up and ends the effects of a runtime: one task and one cancel scope each.

Generations of one conversation run one after the other, because the next one must be told what the last one said.
Tools and timers run at once. An effect has ended when its terminal signal has been applied and everything that
followed from it is durable; only then does the next in line begin.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio
from anyio.abc import TaskGroup

from ..core.budget import NO_BUDGET, Budget, parse_budget
from ..core.directives import CancelEffects, StartEffect
from ..core.policy import EffectClass, EffectPolicy, merged_policy
from ..errors import JidoError
from .effect_job import CLOSED, CancelRequest, EffectJob, Resumption
from .effect_worker import EffectWorker
from .executors.base import Executor, Prepared
from .ingest import Ingest
from .limits import CANCEL_LIMIT_S
from .logs import logger_of
from .outbox import EffectOutbox
from .pace import Pace
from .spendings import Spendings

logger = logger_of(__name__)

Key = tuple[str, str]
"""Conversation and effect id: the same effect id in two conversations is two effects."""


class Effects:
    """What is running and what waits its turn."""

    def __init__(
        self,
        tasks: TaskGroup,
        ingest: Ingest,
        executors: Mapping[EffectClass, Executor[Any]],
        policies: Mapping[EffectClass, EffectPolicy],
        *,
        allow_simulation: bool = False,
        cancel_limit_s: float = CANCEL_LIMIT_S,
        conversation_budget: Budget = NO_BUDGET,
        pace: Pace | None = None,
    ) -> None:
        self._closing = False
        self._tasks = tasks
        self._ingest = ingest
        self._executors = executors
        self._policies = policies
        self._allow_simulation = allow_simulation
        self._cancel_limit_s = cancel_limit_s
        self._conversation_budget = conversation_budget
        self._pace = pace or Pace()
        self._spendings = Spendings(ingest)
        ingest.stopped = self.close  # of what nobody can write down nobody has any use
        self._workers: dict[Key, EffectWorker] = {}
        self._lines: defaultdict[str, deque[Key]] = defaultdict(deque)
        self._running: set[Key] = set()
        self._driven: set[EffectWorker] = set()
        """Those whose task has not ended: also of an effect that has, where its executor does not let go."""
        self._watchers: defaultdict[Key, list[Callable[[], None]]] = defaultdict(list)
        self._idle = anyio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._workers)

    def policy_of(self, directive: StartEffect) -> EffectPolicy:
        """The settings' policy with what the message says. Raises ContractError: it says something wrong."""
        return merged_policy(self._policies[directive.effect_class], directive.input.get("effect_policy"))

    async def attribution(self, directive: StartEffect) -> Mapping[str, Any]:
        """Who would answer, where that can be told."""
        try:
            prepared: Prepared = await self._executors[directive.effect_class].prepare(self._job(directive))
        except JidoError:
            return {}
        return prepared.attribution

    def start(self, directive: StartEffect, resumed: Resumption | None = None) -> None:
        """Begin an effect, go on with it, or put it in line. One that is known already is left alone."""
        key = (directive.conversation_id, directive.effect_id)
        if key in self._workers:
            return
        job = self._job(directive, resumed)
        executor = self._executors[job.effect_class]
        outbox = EffectOutbox(self._ingest, job)
        self._workers[key] = EffectWorker(
            job,
            executor,
            outbox,
            pace=self._pace,
            cancel_limit_s=self._cancel_limit_s,
            spent=self._spendings.of,
        )
        if self._idle.is_set():
            self._idle = anyio.Event()
        if self._closing:
            self._cancel(key, CLOSED)
            return
        if job.effect_class == "llm":
            line = self._lines[job.conversation_id]
            line.append(key)
            if line[0] != key:
                return
        self._run(key)

    def cancel(self, directive: CancelEffects) -> None:
        """End one effect of a conversation, or all of them. What has not begun ends without beginning."""
        request = CancelRequest(directive.reason, directive.cause_id, directive.requested_by)
        for key in list(self._workers):
            if key[0] == directive.conversation_id and directive.effect_id in (None, key[1]):
                self._cancel(key, request)

    def close(self) -> None:
        """End everything, and whatever is still asked for: as canceled, because the runtime closes."""
        self._closing = True
        for key in list(self._workers):
            self._cancel(key, CLOSED)

    def ended(self, conversation_id: str, effect_ids: Iterable[str]) -> None:
        """Everything about these effects is durable: forget them, tell who waits, start the next in line."""
        line = self._lines.get(conversation_id)
        for effect_id in effect_ids:
            key = (conversation_id, effect_id)
            self._workers.pop(key, None)
            self._running.discard(key)
            if line and key in line:
                line.remove(key)
            for tell in self._watchers.pop(key, ()):
                tell()
        if line:
            if line[0] not in self._running:
                self._run(line[0])
        else:
            self._lines.pop(conversation_id, None)
        if not self._workers:
            self._idle.set()

    def watch(self, conversation_id: str, effect_id: str, tell: Callable[[], None]) -> Callable[[], None]:
        """Call `tell`, which must not raise, once: when the effect has ended or the runtime gives up on it.

        Returns the way to stop waiting for it.
        """
        key = (conversation_id, effect_id)
        self._watchers[key].append(tell)

        def unwatch() -> None:
            tells = self._watchers.get(key, [])
            if tell in tells:
                tells.remove(tell)
            if not tells:
                self._watchers.pop(key, None)

        return unwatch

    def abandon(self) -> None:
        """The runtime is gone: tell everybody who still waits."""
        watchers, self._watchers = self._watchers, defaultdict(list)
        for tells in watchers.values():
            for tell in tells:
                tell()

    async def wait_idle(self) -> None:
        """Return when nothing runs and nothing waits its turn."""
        while self._workers:
            await self._idle.wait()

    def is_active(self, conversation_id: str, effect_id: str) -> bool:
        return (conversation_id, effect_id) in self._workers

    def statistics(self) -> dict[str, Any]:
        return {
            "in_flight": len(self._running),
            "queued": len(self._workers) - len(self._running),
            "stuck": sum(worker.left_behind for worker in self._driven),
            "in_flight_effect_ids": sorted(effect_id for _, effect_id in self._running),
        }

    def _job(self, directive: StartEffect, resumed: Resumption | None = None) -> EffectJob:
        data = directive.input
        return EffectJob(
            effect_id=directive.effect_id,
            conversation_id=directive.conversation_id,
            effect_class=directive.effect_class,
            kind=directive.kind,
            input=data,
            policy=self.policy_of(directive),
            cause_id=directive.cause_id,
            conversation_budget=self._budget_of(directive.effect_class, data),
            simulate=(data.get("simulate_effect") or {}) if self._allow_simulation else {},
            resumed=resumed,
        )

    def _budget_of(self, effect_class: EffectClass, data: Mapping[str, Any]) -> Budget:
        if effect_class != "llm":
            return NO_BUDGET
        defaults = data.get("conversation_defaults") or {}
        return parse_budget(defaults.get("budget"), field="conversation_defaults.budget").within(
            self._conversation_budget
        )

    def _cancel(self, key: Key, request: CancelRequest) -> None:
        if self._workers[key].cancel(request) and key not in self._running:
            self._run(key)

    def _run(self, key: Key) -> None:
        self._running.add(key)
        self._tasks.start_soon(self._drive, key, name=f"jido effect {key[1]}")

    async def _drive(self, key: Key) -> None:
        conversation_id, effect_id = key
        worker = self._workers[key]
        self._driven.add(worker)
        try:
            await worker.run()
        except Exception as error:
            # Not even its end could be written. Whoever waits for it is told; health says that the journal stopped.
            known = isinstance(error, JidoError)
            logger.error("the end of effect %s could not be written: %s", effect_id, error, exc_info=not known)
            self.ended(conversation_id, [effect_id])
        finally:
            self._driven.discard(worker)
