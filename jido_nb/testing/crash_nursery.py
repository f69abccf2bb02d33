"""Processes that are born quickly and die on command: `python -m jido_nb.testing.crash_nursery`.

Importing takes longer than living. So one process imports everything, starts no thread and no loop, and forks a child
for each order that it reads from its standard input; each child lives through one scenario, kills itself at a commit
point, and is told of on the standard output. Lines of JSON both ways.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

import anyio
import anyio._backends._asyncio  # which anyio would import in each child anew, as `open_journal` the one below

from ..journal.commit_points import watching
from .crash_scenarios import play

with suppress(ImportError):
    from ..journal import postgres as _postgres  # noqa: F401

LIFETIME_S = 60
"""A child that has not ended by then hangs, and is ended by an alarm."""


@dataclass(frozen=True, slots=True)
class Order:
    """Live through `scenario` over the journal at `location`, and die when `point` is passed for the `nth` time."""

    scenario: str
    location: str
    on_recovery: str = "fail"
    point: str | None = None
    """None: do not die."""
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a process that is dead: how it ended (as `subprocess` says it), and what it told."""

    code: int
    told: list[list[Any]]

    def facts(self, kind: str) -> list[list[Any]]:
        """What it told under that word, in order."""
        return [rest for first, *rest in self.told if first == kind]

    @property
    def passed(self) -> dict[str, int]:
        """How often each commit point was passed; of a process that was not to die."""
        return dict(self.facts("passed")[0][0]) if self.facts("passed") else {}


class Nursery:
    """Gives life to processes, one at a time. Made by `open_nursery`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def live(self, order: Order) -> Life:
        """The life of one process, from its birth to its end.

        Raises:
            RuntimeError: the nursery itself has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the nursery was opened without pipes")
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nursery has ended")
        return Life(**json.loads(line))


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    """A process that forks others; it ends with the block."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield Nursery(process)
        finally:
            process.kill()


def main() -> None:
    """Read orders until the input ends."""
    # What was imported is nobody's garbage: looking through it would copy all of it into each child.
    gc.freeze()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(_life_of(Order(**json.loads(line))))) + "\n")
        sys.stdout.flush()


def _life_of(order: Order) -> Life:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(order, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        lines = pipe.read().splitlines(keepends=True)
    _, status = os.waitpid(child, 0)
    # A line that the kill cut short was not told.
    told = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return Life(os.waitstatus_to_exitcode(status), told)


def _live(order: Order, pipe: int) -> None:
    signal.alarm(LIFETIME_S)
    passed: Counter[str] = Counter()
    lock = Lock()

    def tell(*facts: Any) -> None:
        os.write(pipe, json.dumps(facts).encode() + b"\n")

    def watch(point: str) -> None:
        with lock:
            passed[point] += 1
            if point == order.point and passed[point] == order.nth:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        with watching(watch):
            anyio.run(play, order.scenario, order.location, order.on_recovery, tell)
        tell("passed", passed)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
