"""Telemetry tells what the journal tells, whenever somebody asks."""

from pathlib import Path

import pytest

import jido_nb
from jido_nb.core.projections.metrics import Metrics

pytestmark = pytest.mark.anyio


async def _ask(runtime: jido_nb.Runtime, model: str) -> None:
    turn = await runtime.conversation("c1", model=f"simulated:{model}").send("hello")
    await turn.wait()


@pytest.mark.parametrize("asked_before", [True, False], ids=["asked in between", "asked at the end only"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_live_numbers_equal_those_of_the_journal_also_after_reopening(
    tmp_path: Path, asked_before: bool, anyio_backend: str
) -> None:
    path = tmp_path / "runs.sqlite"
    async with jido_nb.open_runtime(journal=path) as runtime:
        await _ask(runtime, "flaky-503")
    async with jido_nb.open_runtime(journal=path) as runtime:
        if asked_before:
            assert runtime.telemetry().lifecycle_counts["completed"] == 1
        await _ask(runtime, "unauthorized")
        await runtime.idle()
        recomputed = Metrics()
        for recorded in await runtime.events():
            recomputed.apply(recorded.signal)
        live = runtime.telemetry()
    assert live == recomputed.snapshot()
    assert (live.retry_count, live.lifecycle_counts["completed"], live.lifecycle_counts["failed"]) == (2, 1, 1)
