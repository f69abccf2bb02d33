"""A long journal: memory while it is written, time and memory while it is replayed and tabulated."""

import resource
import tempfile
import time
from pathlib import Path

import psutil

import jido_nb

from .cost import cost_of, warm_up
from .ingesting import audit
from .row import Row

SIGNALS = 1_000_000
BATCH = 5_000


async def measure(full: bool) -> list[Row]:
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.sqlite"
        levels = []
        began = time.perf_counter()
        async with jido_nb.open_runtime(journal=path) as runtime:
            for start in range(0, SIGNALS, BATCH):
                await runtime.ingest_many([audit(index) for index in range(start, start + BATCH)])
                if start % (SIGNALS // 10) == 0:
                    levels.append(process.memory_info().rss / 2**20)
            await runtime.idle()
        written = SIGNALS / (time.perf_counter() - began)
        warm_up(jido_nb.replay, jido_nb.events_df)
        before = process.memory_info().rss / 2**20
        replayed = cost_of(lambda: jido_nb.replay(path).assert_identical())
        after = process.memory_info().rss / 2**20
        tabulated = cost_of(lambda: _tabulate(path))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return [
        Row(f"write {SIGNALS:,} signals", ">= 20,000/s, memory flat", f"{written:,.0f}/s, RSS {_growth(levels)}"),
        Row(
            f"replay {SIGNALS:,} signals",
            "<= 10 s, memory flat",
            f"{replayed}, RSS {after - before:+.0f} MiB",
        ),
        Row(
            f"events_df of {SIGNALS:,} signals",
            "<= 3 s",
            f"{tabulated} (peak RSS {peak:.0f} MiB)",
        ),
    ]


def _tabulate(path: Path) -> None:
    assert len(jido_nb.events_df(path)) > SIGNALS


def _growth(levels: list[float]) -> str:
    # The first reading is taken before caches of bounded size have filled.
    return f"{levels[2]:.0f} MiB at 20 %, {levels[-1]:.0f} MiB at 90 %"
