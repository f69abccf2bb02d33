"""One LLM effect over a scripted backend, on a manual clock: run it, then read its story."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio

from ..llm.backend import Capabilities
from ..llm.usage import Cost, Usage
from ..runtime.effect_worker import EffectWorker
from ..runtime.executors.llm import no_price
from ..runtime.pace import Pace
from .chosen_loop import LoopClock
from .effects import effect_job, llm_executor
from .manual_clock import ManualClock
from .memory_outbox import MemoryOutbox, Put
from .scripted_backend import ScriptedBackend, Step

QUICK: Mapping[str, Any] = {"backoff_ms": 5, "jitter": 0.0}


class ScriptedEffect:
    """The parts are public: `clock`, `backend`, `outbox`, `worker`. Each script answers one attempt."""

    def __init__(
        self,
        *scripts: Sequence[Step],
        policy: Mapping[str, Any] | None = None,
        input: Mapping[str, Any] | None = None,
        simulate: Mapping[str, Any] | None = None,
        stream: bool = True,
        price: Callable[[str | None, str | None, Usage], Cost | None] = no_price,
        on_put: Callable[[Put], None] | None = None,
        on_cancel: Sequence[Step] = (),
        capabilities: Capabilities | None = None,
        cancel_limit_s: float = 2.0,
        leave_limit_s: float = 5.0,
        clock: ManualClock | LoopClock | None = None,
        rest_s: float = 0.0,
    ) -> None:
        """Args: rest_s: how long streams rest, as if many others had made the loop late."""
        self.clock = ManualClock() if clock is None else clock
        pace = Pace(self.clock)
        pace.rest_s = rest_s
        self.backend = ScriptedBackend(scripts, clock=self.clock, on_cancel=on_cancel, capabilities=capabilities)
        self.outbox = MemoryOutbox(on_put)
        self.worker = EffectWorker(
            effect_job(policy={**QUICK, **(policy or {})}, simulate=simulate, input=input),
            llm_executor(self.backend, stream=stream, price=price, pace=pace),
            self.outbox,
            pace=pace,
            cancel_limit_s=cancel_limit_s,
            leave_limit_s=leave_limit_s,
        )

    async def run(self, *, advance_ms: float = 600_000) -> MemoryOutbox:
        """Run to the end, for `advance_ms` of its clock at most; connections are closed and all is durable."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.worker.run)
            if isinstance(self.clock, ManualClock):
                await self.clock.advance(advance_ms / 1000)
            with anyio.fail_after(5):
                await self.worker.done.wait()
        assert len(self.backend.closed) == len(self.backend.requests)
        assert self.outbox.durable == len(self.outbox.puts)
        return self.outbox

    @property
    def ending(self) -> Mapping[str, Any]:
        """The payload of its one terminal signal."""
        return self.outbox.terminal.data
