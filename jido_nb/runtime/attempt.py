"""One running attempt: what arrived, when, and when it has taken too long."""

from collections.abc import Callable
from typing import Any

import anyio

from ..llm.error import LLMError
from ..llm.event import AgentRetry, LLMEvent, Retraction
from ..llm.usage import Usage
from .joiner import DeltaJoiner
from .limits import Limits, Which
from .pace import Pace

# An agent that does nothing but repeat its requests is silent, after so many of them.
MAX_LIVELY_RETRIES = 10


class Attempt:
    """The facts of one attempt. `emit` takes the events that its executor streams, as long as it is open.

    Whoever runs the attempt does so inside `scope`, with `watch` and `flush_when_due` as tasks beside it.
    """

    def __init__(
        self, number: int, limits: Limits, join_ms: float, pace: Pace, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self.number = number
        self.limits = limits
        self.scope = anyio.CancelScope()
        self.expired: Which | None = None
        """The limit that ended it."""
        self.refusal: LLMError | None = None
        """What ended it, where it was a budget."""
        # What is rarely needed is started when it is: a task that waits costs each turn fifty objects.
        self.on_cancel: Callable[[], object] = _nothing
        """Called when its backend has to be told that nobody waits any more."""
        self.on_leaving: Callable[[], object] = _nothing
        """Called when its executor is told to stop."""
        self.left = anyio.Event()
        """Set when its executor has returned."""
        self.execution_ref: str | None = None
        self.served_model: str | None = None
        self.session: dict[str, Any] = {}
        """Of an agent with sessions: `session_id` and `execution_ref`, which its signals carry from then on."""
        self.session_note: dict[str, Any] | None = None
        """What the agent's next run needs to go on with that session, as the last one that was told."""
        self.cost: dict[str, Any] | None = None
        """What it has cost by its own account, where it gives one."""
        self.usage: Usage | None = None
        """What it is known to have consumed so far."""
        self.characters = 0
        """Text, thinking and arguments of tool calls that were sent on; all that came, once the attempt is closed."""
        self.released_at: float | None = None
        """When its connection or process was gone, on the worker's clock."""
        self._clock = pace.clock
        self._now = pace.clock.now
        self._send = send
        self._texts: list[str] = []
        self._joiner = DeltaJoiner(join_ms)
        self._pace = pace
        self._pending = anyio.Event()
        self._flusher_idle = True
        self._open = True
        self._started_at = self._now()
        self._ended_at: float | None = None
        self._first_chunk_at: float | None = None
        self._last_chunk_at: float | None = None
        self._used_tool = False
        self._waiting = True
        """Only signs of life have come, such as an agent's that has booted: the first chunk is still due."""

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def streamed(self) -> bool:
        """Whether readers have seen anything of it."""
        return self._first_chunk_at is not None or self._used_tool

    @property
    def duration_ms(self) -> float:
        """From its start to its end, or to now."""
        return round(((self._ended_at or self._now()) - self._started_at) * 1000, 3)

    @property
    def first_chunk_ms(self) -> float | None:
        """From its start to the first text or thinking."""
        return None if self._first_chunk_at is None else round((self._first_chunk_at - self._started_at) * 1000, 3)

    @property
    def running(self) -> bool:
        return self._open

    def emit(self, event: LLMEvent) -> None:
        """Take one event in. Runs once per chunk. What comes after the end is dropped, but for what it cost."""
        if event.usage is not None:
            self.usage = (self.usage or Usage()).updated(event.usage)
        if event.metadata:
            self._learn(event.metadata)
        if not self._open:
            return
        lifecycle = event.lifecycle
        if lifecycle == "delta" or lifecycle == "thinking" or lifecycle == "tool":
            now = self._now()
            if event.aside is None or not self._aside(event.aside):
                self._last_chunk_at = now
            if self._waiting and (event.delta or event.thinking or event.tool is not None or not event.metadata):
                self._waiting = False
            if event.unshown:
                self.characters += event.unshown
            if event.delta:
                self._texts.append(event.delta)
            if self._first_chunk_at is None and (event.delta or event.thinking):
                self._first_chunk_at = now
            if event.tool is not None:
                self._used_tool = True
            for payload in self._joiner.offer(event, (now - self._started_at) * 1000):
                self._report(payload)
            if self._flusher_idle and self._joiner.due_at_ms is not None:
                self._flusher_idle = False
                self._pending.set()

    def _aside(self, aside: AgentRetry | Retraction) -> bool:
        """Take it in; True if it is no sign of life."""
        if isinstance(aside, Retraction):
            self._texts = [self.text[: aside.text]]
            return False
        return aside.attempt > MAX_LIVELY_RETRIES

    def _learn(self, metadata: dict[str, Any]) -> None:
        ref, model = metadata.get("execution_ref"), metadata.get("model")
        if isinstance(ref, str) and ref:
            self.execution_ref = ref
        if isinstance(model, str) and model:
            self.served_model = model
        session = metadata.get("session_id")
        if isinstance(session, str) and session:
            self.session = {"session_id": session, "execution_ref": self.execution_ref}
        self.session_note = metadata.get("session", self.session_note)
        self.cost = metadata.get("cost", self.cost)

    def close(self) -> None:
        """End it: what is pending goes out, and nothing after it. Idempotent."""
        if not self._open:
            return
        self._open = False
        self._ended_at = self._now()
        if (payload := self._joiner.take((self._ended_at - self._started_at) * 1000)) is not None:
            self._report(payload)
        self._send = _nowhere  # what both hold of each other would wait for the garbage collector

    def release(self) -> None:
        """Its executor has been left, which closed its connection or ended its process."""
        self.released_at = self._now()
        self.left.set()
        self.on_cancel = self.on_leaving = _nothing

    def leave(self) -> None:
        """Tell its executor to stop."""
        self.on_leaving()
        self.scope.cancel()

    async def overstays(self, limit_s: float) -> bool:
        """Whether its executor is still at work after `limit_s` seconds."""
        with anyio.move_on_after(limit_s):
            await self.left.wait()
        return not self.left.is_set()

    def refuse(self, refusal: LLMError) -> None:
        """End it, because a budget is spent."""
        if self.expired is None:
            self.expired, self.refusal = "budget", refusal
            self.leave()

    async def watch(self) -> None:
        """Cancel `scope` when a limit passes."""
        while True:
            now_ms = self._elapsed_ms()
            last = self._last_chunk_at
            last_ms = None if last is None else (last - self._started_at) * 1000
            passed, next_ms = self.limits.look(now_ms, last_ms, waiting=self._waiting)
            if passed is not None:
                if self.expired is None:
                    self.expired = passed
                    self.leave()
                return
            if next_ms is None:
                return
            await self._clock.sleep((next_ms - now_ms) / 1000)

    async def flush_when_due(self) -> None:
        """Send what is pending when its time has come and no chunk comes to push it."""
        while True:
            await self._pending.wait()
            while (due_at_ms := self._joiner.due_at_ms) is not None:
                now_ms = self._elapsed_ms()
                if now_ms >= due_at_ms:
                    if (payload := self._joiner.take(now_ms)) is not None:
                        self._report(payload)
                else:
                    await self._clock.sleep((due_at_ms - now_ms) / 1000)
                    self._pace.rang((self._elapsed_ms() - due_at_ms) / 1000)
            self._pending = anyio.Event()
            self._flusher_idle = True

    def _report(self, payload: dict[str, Any]) -> None:
        self.characters += len(payload.get("token_delta", "")) + len(payload.get("thinking_delta", ""))
        self._send(payload)
        self._joiner.gulps = self._pace.rest_s > 0

    def _elapsed_ms(self) -> float:
        return (self._now() - self._started_at) * 1000


def _nothing() -> None:
    pass


def _nowhere(payload: dict[str, Any]) -> None:
    """Where what an attempt says goes once it is closed."""
