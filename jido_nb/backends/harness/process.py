"""The process of one run: started in its own session, read to its end, and ended for sure.

The stop ladder: the agent's own interrupt, SIGINT, SIGTERM, SIGKILL to the group, each with a deadline; then whatever
carries the run's marker or was below its process is killed, wherever it moved to. It runs once, under a shield, also
when the process ended by itself: agents leave tools behind in sessions of their own.
"""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from uuid import uuid4

import anyio
from anyio import CancelScope, move_on_after, to_thread
from anyio.abc import Process, TaskGroup

from .guard import Guard
from .watchdog import Identity, family, kill_all

STDERR_TAIL_BYTES = 64 * 1024
# What is kept for whoever reads on while the process is being ended: its last words.
KEPT_BYTES = 4 * 1024 * 1024
# How long output may still be on its way after the process has ended; a child of it may hold the pipe open for ever.
LINGER_S = 0.3
SWEEP_LIMIT_S = 2.0
CLOSE_LIMIT_S = 1.0

Rung = Literal["exited", "interrupt", "SIGINT", "SIGTERM", "SIGKILL"]
Interrupt = Callable[[], Awaitable[bool]]
"""The agent's own way to be stopped; False: it has none at this moment."""

_BROKEN = (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)


@dataclass(frozen=True, slots=True)
class Grace:
    """How long each rung may take, in seconds. All of them end within the two seconds that a cancel is given."""

    interrupt_s: float = 0.4
    sigint_s: float = 1.1
    sigterm_s: float = 0.3
    sigkill_s: float = 1.0
    exit_s: float = 2.0
    """How long an agent that has said its last word may take to end by itself; then it is ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. `environment` is all that the process gets; `stdin` is written and closed, or kept open."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    marker: str
    cwd: str | None = None
    stdin: bytes = b""
    keep_stdin: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended. `rung` is the one that ended it, `swept` how many of its processes outlived it."""

    returncode: int | None
    rung: Rung
    swept: int = 0
    stderr: str = ""


def new_marker() -> str:
    return uuid4().hex


class AgentProcess:
    """One running process. One task reads; `stop` may be called by any, any number of times."""

    def __init__(self, launch: Launch, process: Process, guard: Guard, grace: Grace) -> None:
        self.exit: Exit | None = None
        """Set when it has ended and nothing of it is left."""
        self._launch = launch
        self._process = process
        self._guard = guard
        self.grace = grace
        self._stderr = bytearray()
        self._stopping = anyio.Lock()
        self._sending = anyio.Lock()
        self._pulling = anyio.Lock(fast_acquire=True)
        self._kept: deque[bytes] = deque()
        self._kept_room = KEPT_BYTES
        self._pulled = anyio.Event()
        self._reading: CancelScope | None = None
        self._ended = False
        self.quiet = False
        """Its output has ended, and so will it, if it is left to itself for a moment."""

    @classmethod
    async def start(cls, launch: Launch, tasks: TaskGroup, guard: Guard, grace: Grace | None = None) -> "AgentProcess":
        """Start it; helpers run in `tasks` until it has ended.

        Raises:
            OSError: it cannot be started; `errors.spawn_error` says what that means.
        """
        has_stdin = bool(launch.stdin) or launch.keep_stdin
        await guard.begin(launch.marker)
        try:
            # Not to be canceled: a process that starts while nobody holds it would be lost.
            with CancelScope(shield=True):
                process = await anyio.open_process(
                    list(launch.argv),
                    stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=launch.cwd,
                    env=launch.environment,
                    start_new_session=True,
                )
                self = cls(launch, process, guard, grace or Grace())
                await guard.leader(launch.marker, process.pid)
        except BaseException:
            with CancelScope(shield=True):
                await guard.end(launch.marker)
            raise
        tasks.start_soon(self._drain_stderr)
        tasks.start_soon(self._watch_exit)
        if has_stdin:
            tasks.start_soon(self._feed)
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stderr(self) -> str:
        """The last 64 KiB of what it wrote there."""
        return bytes(self._stderr).decode("utf-8", "replace")

    async def receive(self) -> bytes:
        """The next piece of its output; empty when there is no more."""
        stdout = self._process.stdout
        if stdout is None:
            return b""
        deadline = anyio.current_time() + LINGER_S if self._ended else float("inf")
        with CancelScope(deadline=deadline) as self._reading:
            try:
                async with self._pulling:
                    return self._kept.popleft() if self._kept else await stdout.receive()
            except _BROKEN:
                self.quiet = True
                return b""
        return b""

    async def send(self, data: bytes) -> None:
        """Write to its standard input, which has to be kept open; one that is gone takes nothing."""
        stdin = self._process.stdin
        if stdin is not None:
            async with self._sending:
                with suppress(*_BROKEN):
                    await stdin.send(data)

    async def hang_up(self) -> None:
        """Close its standard input: to a protocol with two directions, that all has been said."""
        stdin = self._process.stdin
        if stdin is not None and self._launch.keep_stdin:
            async with self._sending:
                with suppress(*_BROKEN):
                    await stdin.aclose()

    async def finish(self) -> Exit:
        """Stop it; one whose output has ended is given time to end by itself."""
        with move_on_after(self.grace.exit_s if self.quiet else 0):
            await self._process.wait()
        return await self.stop()

    async def stop(self, interrupt: Interrupt | None = None) -> Exit:
        """Climb the ladder until it has ended, and sweep. Not canceled by anything; bounded by `Grace` and the sweep.

        Args:
            interrupt: Tried first where the agent has a way of its own.
        """
        with CancelScope(shield=True):
            async with self._stopping:
                exit = self.exit or await self._climb(interrupt)
                self.exit = exit
        return exit

    async def _climb(self, interrupt: Interrupt | None) -> Exit:
        # The family is looked up before the first signal: a child whose parent has died has lost its name.
        known: set[Identity] = await to_thread.run_sync(family, self.pid)
        rung: Rung = "exited"
        async with anyio.create_task_group() as helpers:
            helpers.start_soon(self._pull)
            if self._process.returncode is None:
                rung = await self._signal_until_ended(interrupt)
            swept = await to_thread.run_sync(partial(kill_all, self._launch.marker, known, SWEEP_LIMIT_S))
            with move_on_after(CLOSE_LIMIT_S):
                await self._process.wait()
            # All who held the pipe are gone: what is in it is all that there is.
            with move_on_after(LINGER_S):
                await self._pulled.wait()
            helpers.cancel_scope.cancel()
        returncode = self._process.returncode
        with move_on_after(CLOSE_LIMIT_S):
            await self._process.aclose()
        await self._guard.end(self._launch.marker)
        return Exit(returncode, rung, swept, self.stderr)

    async def _signal_until_ended(self, interrupt: Interrupt | None) -> Rung:
        grace = self.grace
        if interrupt is not None:
            with move_on_after(grace.interrupt_s):
                if await interrupt():
                    await self._process.wait()
                    return "interrupt"
        rungs: list[tuple[Rung, signal.Signals, float]] = [
            ("SIGINT", signal.SIGINT, grace.sigint_s),
            ("SIGTERM", signal.SIGTERM, grace.sigterm_s),
            ("SIGKILL", signal.SIGKILL, grace.sigkill_s),
        ]
        for rung, number, limit_s in rungs:
            if self._process.returncode is not None:
                return "exited"
            # The leader is not reaped yet, so its id is still its group's and nobody else's.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
            with move_on_after(limit_s):
                await self._process.wait()
                return rung
        return "SIGKILL"

    async def _watch_exit(self) -> None:
        await self._process.wait()
        self._ended = True
        if self._reading is not None:
            self._reading.deadline = min(self._reading.deadline, anyio.current_time() + LINGER_S)

    async def _pull(self) -> None:
        """Read beside the reader, who may have stopped: an agent whose pipe is full cannot write its last words."""
        stdout = self._process.stdout
        with suppress(*_BROKEN):
            while stdout is not None:
                async with self._pulling:
                    chunk = await stdout.receive()
                    if len(chunk) <= self._kept_room:
                        self._kept.append(chunk)
                    # Once something was dropped, what follows makes no sense any more.
                    self._kept_room = max(-1, self._kept_room - len(chunk))
        self._pulled.set()

    async def _drain_stderr(self) -> None:
        stderr = self._process.stderr
        if stderr is None:
            return
        with suppress(*_BROKEN):
            while True:
                self._stderr += await stderr.receive()
                del self._stderr[:-STDERR_TAIL_BYTES]

    async def _feed(self) -> None:
        stdin = self._process.stdin
        if stdin is None:
            return
        if self._launch.stdin:
            await self.send(self._launch.stdin)
        if not self._launch.keep_stdin:
            with suppress(*_BROKEN):
                await stdin.aclose()
