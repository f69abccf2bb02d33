"""Many conversations at once, with cancels and faults mixed in: is anything lost, does memory grow, is the kernel free?

`python -m tests.benchmarks.mixed_load --seconds 60`. The runtime lives on a thread of its own, as in a kernel; the
simulator in a process of its own, over real sockets. `tests/runtime/test_load.py` holds a short one to what it says.
"""

import argparse
import gc
import importlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import psutil

import jido_nb
from jido_nb.journal.open import open_journal
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.scenario import Scenario
from jido_nb.simulator.server import serve

from .stalls import Span, Stalls, p99, stalls

WORD, WORDS = "word ", 50
STEADY = {"steady": Scenario.text((WORD,) * WORDS, pause_ms=20)}
"""Fifty chunks a second, for a second."""

MODELS = ("steady",) * 8 + ("flaky-503", "reset", "truncated", "stall", "always-503", "unauthorized")
ENDS = (None,) * 4 + ("cancel", "abort")
TICK_S = 0.01
MOMENTS = 6
"""At so many moments of the run the size of the process is told."""


@dataclass
class Load:
    """What was asked for, and what each turn came to."""

    asked: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Turns whose text is not what was sent, or that ended otherwise than they could."""


@contextmanager
def steady_simulator() -> Iterator[str]:
    """The URL of a simulator in a process of its own."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.mixed_load", "--serve"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def load(url: str, path: Path, conversations: int, seconds: float) -> Load:
    """Talk in all conversations until the time is over, and come to rest."""
    done, until = Load(), anyio.current_time() + seconds
    settings = {
        "llm": {"backends": {"jido_ai": {"providers": {"simulated": {"base_url": url}}}}},
        "effects": {"llm": {"idle_timeout_ms": 1000, "backoff_ms": 20, "max_attempts": 3}},
    }
    async with jido_nb.open_runtime(settings, path) as runtime, anyio.create_task_group() as tasks:
        for number in range(conversations):
            chat = runtime.conversation(f"c{number}")
            tasks.start_soon(_talk, chat, random.Random(number), done, until)
    return done


async def _talk(chat: "jido_nb.Conversation", chance: random.Random, done: Load, until: float) -> None:
    while True:
        model, ends = chance.choice(MODELS), chance.choice(ENDS)
        turn = await chat.send("go", model=f"simulated:{model}")
        done.asked += 1
        if ends is not None:
            await anyio.sleep(chance.random())
            await (turn.cancel() if ends == "cancel" else chat.abort())
        await turn.wait()
        done.statuses[turn.status] += 1
        whole = WORD * WORDS
        kept = turn.text == whole if turn.status == "completed" else whole.startswith(turn.text)
        if (model == "steady" and not kept) or (ends is None and turn.status == "canceled"):
            done.wrong.append(f"{turn!r} of {model}: {turn.text!r}")
        if anyio.current_time() >= until:
            return


class Size(NamedTuple):
    """Of the process, in MB, when so many seconds had passed and so many signals were written."""

    at_s: float
    signals: int
    mb: float

    def __str__(self) -> str:
        return f"{self.mb:.0f} MB at {self.at_s:.0f} s ({self.signals:,} signals)"


def signals_in(path: Path) -> int:
    """As a reader of the file sees it; 0 before there is one."""
    try:
        with closing(open_journal(path, read_only=True)) as journal:
            return journal.last_seq()
    except jido_nb.JournalError:
        return 0


def memory_of(sizes: list[Size]) -> str:
    """The size at some moments, and how it grew in the second half, when what is bounded should have filled."""
    shown = sizes[:: -(-len(sizes) // MOMENTS)] + sizes[-1:]
    lines = ["memory     " + "\n           ".join(map(str, dict.fromkeys(shown)))]
    half = sizes[len(sizes) // 2 :]
    if len(half) > 1 and half[-1].signals > half[0].signals:
        slope = statistics.linear_regression([size.signals for size in half], [size.mb for size in half]).slope
        lines.append(f"           {100_000 * slope:+.1f} MB per 100,000 signals in the second half")
    return "\n".join(lines)


@contextmanager
def full_collections() -> Iterator[list[Span]]:
    """Those of Python's garbage in all of the process's memory, which stop every thread."""
    found: list[Span] = []
    began = [0.0]

    def note(phase: str, info: dict[str, int]) -> None:
        if info["generation"] == 2:
            if phase == "start":
                began[0] = time.perf_counter()
            else:
                found.append(Span(began[0], time.perf_counter()))

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


def measure(conversations: int, seconds: float, freeze: bool = False) -> None:
    """Run it beside a main thread that only looks at the clock, and print what came of it.

    `freeze`: as in a kernel whose owner takes what has been imported by then out of the garbage collector's sight.
    """
    if freeze:
        importlib.import_module("anthropic")
        gc.collect()
        gc.freeze()
    ticks: list[Span] = []
    sizes: list[Size] = []
    results: list[Load] = []
    with steady_simulator() as url, tempfile.TemporaryDirectory() as folder:
        path, process = Path(folder) / "runs.sqlite", psutil.Process()
        thread = threading.Thread(
            target=lambda: results.append(anyio.run(partial(load, url, path, conversations, seconds))), daemon=True
        )
        with stalls() as stood_still, full_collections() as collections:
            began = time.perf_counter()
            thread.start()
            while thread.is_alive():
                before = time.perf_counter()
                time.sleep(TICK_S)
                ticks.append(Span(before, time.perf_counter()))
                if len(sizes) < before - began:
                    sizes.append(Size(before - began, signals_in(path), process.memory_info().rss / 2**20))
        (done,) = results
        turns, log = jido_nb.turns_df(path), jido_nb.replay(path)
        print(f"turns      {done.asked}: {dict(done.statuses)}")
        print(f"lost       {done.asked - len(turns)} turns, {len(done.wrong)} with another text")
        print(memory_of(sizes))
        late, ran, ran_alone = (
            [tick.late_ms(TICK_S) for tick in some]
            for some in (
                ticks,
                stood_still.clear_of(ticks),
                Stalls([*stood_still, *collections]).clear_of(ticks),
            )
        )
        print(f"main late  {p99(late):.1f} ms p99, {max(late):.1f} ms worst")
        print(f"           {max(ran):.1f} ms worst while the machine ran; it stood still {stood_still}")
        print(f"           {max(ran_alone):.1f} ms worst outside of full collections of garbage: {Stalls(collections)}")
        print(f"replay     {'identical' if log.identical else 'DIFFERS'}")


async def _serve() -> None:
    async with serve(catalogue={**CATALOGUE, **STEADY}, keep=0) as server:
        print(server.url, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--freeze", action="store_true", help="import the SDK first, and call gc.freeze()")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        anyio.run(_serve)
    else:
        measure(given.conversations, given.seconds, given.freeze)
