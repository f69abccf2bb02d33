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


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_measured_while_running_is_told_and_not_compared(anyio_backend: str) -> None:
    def fails(recorded: jido_nb.Recorded) -> None:
        raise LookupError("not here")

    async with jido_nb.open_runtime() as runtime:
        runtime.bus.subscribe("conv.in.message.received", fails)
        await _ask(runtime, "echo")
        await runtime.idle()
        told = runtime.telemetry()
        recomputed = Metrics()
        for recorded in await runtime.events():
            recomputed.apply(recorded.signal)
    assert (told.dispatch_failures, told.last_dispatch_failure) == (1, "LookupError on conv.in.message.received")
    assert told.apply_latency_ms["p95_ms"] is not None
    assert "subscribers that raised" in repr(told)
    assert told == recomputed.snapshot()
