"""From `ingest` to applied and marked, durable, in one conversation; and an abort behind a long queue."""

import tempfile
import time
from pathlib import Path

import jido_nb

from .row import Row

SIGNALS = 20_000


async def measure(full: bool) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for batch in (100, 1_000, 10_000):
            async with jido_nb.open_runtime(journal=Path(folder) / f"{batch}.sqlite") as runtime:
                raws = [audit(index) for index in range(SIGNALS)]
                began = time.perf_counter()
                for start in range(0, SIGNALS, batch):
                    await runtime.ingest_many(raws[start : start + batch])
                await runtime.idle()
                rate = SIGNALS / (time.perf_counter() - began)
            rows.append(Row(f"ingest to applied, durable, batches of {batch:,}", ">= 20,000/s", f"{rate:,.0f}/s"))
    return rows


def audit(index: int) -> dict[str, object]:
    """A note, as an application would give it."""
    return {
        "id": str(index),
        "type": "conv.audit.benchmark.noted",
        "source": "/benchmarks",
        "subject": "one",
        "data": {"audit_id": str(index), "category": "benchmark", "text": "twenty characters..."},
        "contract_major": 1,
    }
