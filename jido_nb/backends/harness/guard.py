"""Keep a watchdog beside the kernel, so that no agent outlives it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import anyio
from anyio import move_on_after
from anyio.abc import Process

from . import watchdog

CLOSE_LIMIT_S = 1.0
_PROGRAM = Path(watchdog.__file__)


class Guard:
    """Tells a watchdog which runs are going on. It starts with the first run and ends with `close`.

    Where there can be none (no Python to run, no POSIX), runs go on unguarded.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._runs: dict[str, int | None] = {}
        self._lock = anyio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def ready(self) -> None:
        """Start the watchdog, if it is not there yet, so that no run has to wait for it."""
        await self._tell("")

    async def begin(self, marker: str) -> None:
        """Call before the process of that marker starts, so that there is no moment in which nobody knows of it."""
        self._runs[marker] = None
        await self._tell(f"+ {marker}\n")

    async def leader(self, marker: str, pid: int) -> None:
        self._runs[marker] = pid
        await self._tell(f"= {marker} {pid}\n")

    async def end(self, marker: str) -> None:
        if self._runs.pop(marker, 0) != 0:
            await self._tell(f"- {marker}\n")

    async def close(self) -> None:
        """End the watchdog, in bounded time; what it was told of and not told to be over is killed by it."""
        process, self._process = self._process, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            with move_on_after(CLOSE_LIMIT_S):
                if process.stdin is not None:
                    await process.stdin.aclose()
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()

    async def _tell(self, line: str) -> None:
        if os.name != "posix" or not sys.executable:
            return
        async with self._lock:
            try:
                if self._process is None or self._process.returncode is not None:
                    await self._restart()
                else:
                    await self._write(line)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._restart()

    async def _restart(self) -> None:
        await self.close()
        with suppress(OSError), anyio.CancelScope(shield=True):
            self._process = await anyio.open_process(
                [sys.executable, "-I", "-S", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={},
            )
        for marker, pid in self._runs.items():
            await self._write(f"+ {marker}\n" if pid is None else f"= {marker} {pid}\n")

    async def _write(self, line: str) -> None:
        if line and self._process is not None and self._process.stdin is not None:
            await self._process.stdin.send(line.encode())
