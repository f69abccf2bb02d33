"""The table of cancels, held against both backends: a real server, and real processes of the stand-in agent."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psutil
import pytest

from jido_nb.core.projections.telemetry import TelemetrySnapshot
from jido_nb.runtime import adapters
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.scenario import Scenario, Status
from jido_nb.simulator.server import Server, serve
from jido_nb.simulator.steps import Stall
from jido_nb.testing.cancel_matrix import CANCEL_LIMIT_MS, CANCEL_ROWS, CancelRow, When, module_of
from jido_nb.testing.retry_bench import grown

pytestmark = pytest.mark.anyio

LIMIT_S = 30
HANGS, BUSY = "hangs", "busy"
SCRIPTS = {HANGS: [{"text": "And then"}, {"stall": True}], BUSY: [{"fail": {"status": 503}}]}


@asynccontextmanager
async def runtime_of(row: CancelRow, backend: str) -> AsyncIterator[tuple[Runtime, Server]]:
    async with serve() as server:
        server.add(HANGS, Scenario.text(("And then", Stall())))
        server.add(BUSY, Scenario.always(Status(503)))
        table: dict[str, Any] = {"module": module_of(backend, row.obeys)}
        if backend == "jido_ai":
            table["providers"] = {"simulated": {"base_url": server.url}}
        llm = {"default_backend": backend, "backends": {backend: {k: v for k, v in table.items() if v is not None}}}
        settings = {"llm": llm, "backend_cancel_timeout_ms": CANCEL_LIMIT_MS if row.obeys == "is slow" else 20_000}
        async with open_runtime(settings) as runtime:
            yield runtime, server


async def asked(runtime: Runtime, backend: str, what: str, *, stream: bool = True) -> Turn:
    policy = {"backoff_ms": 30_000, "jitter": 0.0}
    text = "hi" if backend == "jido_ai" else json.dumps({"attempts": [SCRIPTS[what]]})
    model = f"simulated:{what}" if backend == "jido_ai" else "simulated:script"
    return await runtime.conversation("c").send(text, model=model, stream=stream, effect_policy=policy)


async def until(turn: Turn, kind: str) -> None:
    async for event in turn:
        if event.kind == kind:
            return


async def going_on(runtime: Runtime, server: Server, backend: str, when: When) -> Turn:
    """A turn in the state in which it is to be canceled."""
    if when == "waiting in line":
        await until(await asked(runtime, backend, HANGS), "delta")
        return await asked(runtime, backend, HANGS)
    turn = await asked(
        runtime, backend, BUSY if when == "waiting to try again" else HANGS, stream=when != "whole answer"
    )
    if when == "whole answer":
        await until(turn, "started")
        if backend == "jido_ai":
            await server.arrived(1)
    else:
        await until(turn, "retrying" if when == "waiting to try again" else "delta")
    return turn


def agents() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        try:
            if "jido_nb.simulator.agent_cli" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def cancels(before: TelemetrySnapshot, after: TelemetrySnapshot, backend: str) -> dict[str, Any]:
    return {
        "canceled": grown(before.lifecycle_counts, after.lifecycle_counts).get("canceled"),
        "of the backend": grown(before.lifecycle_by_backend.get(backend, {}), after.lifecycle_by_backend[backend]),
        "results": grown(before.cancel_results, after.cancel_results),
        "latencies": after.cancel_latency_ms["count"] - before.cancel_latency_ms["count"],
    }


@pytest.mark.parametrize("with_cause", [True, False], ids=["with a cause", "without one"])
@pytest.mark.parametrize("backend", ["jido_ai", "harness"])
@pytest.mark.parametrize("row", CANCEL_ROWS, ids=lambda row: row.name)
async def test_a_cancel_has_the_outcome_that_the_table_says(row: CancelRow, backend: str, with_cause: bool) -> None:
    async with runtime_of(row, backend) as (runtime, server):
        with anyio.fail_after(LIMIT_S):
            turn = await going_on(runtime, server, backend, row.when)
            before = runtime.telemetry()
            wish = adapters.cancel("c", "wish", {"reason": "enough", "effect_id": turn.effect_id})
            message = turn.effect_id.removeprefix("llm-generation-")
            await runtime.ingest({**wish, "id": "wish"}, cause_id=message if with_cause else None)
            await turn.wait()
            after = runtime.telemetry()
        log = await runtime.events("conv.effect.**")
        (ending,) = [each.signal for each in log if each.signal.data["lifecycle"] == "canceled"]
        told = {key: value for key, value in ending.data.items() if key.startswith("backend_cancel")}
        assert row.facts.items() <= told.items()
        assert bool(told.get("backend_cancel_reason")) == (row.outcome == "failed")
        assert (ending.data["reason"], ending.data["attempt"], ending.data["backend"]) == (
            "enough",
            row.attempt,
            backend,
        )
        assert ending.data["partial_text"] == ("And then" if row.when == "streaming" else "")
        running = row.when in ("streaming", "whole answer")
        assert (ending.data["closed_latency_ms"] is not None) == running
        causes = [each.signal.id for each in await runtime.trace(ending.id)]
        assert causes == [ending.id, "wish", *([message] if with_cause else [])]
        assert cancels(before, after, backend) == {
            "canceled": 1,
            "of the backend": {"canceled": 1},
            "results": {row.outcome: 1},
            "latencies": 1,
        }
        if running:
            assert agents() == []
            if backend == "jido_ai":
                with anyio.fail_after(LIMIT_S):
                    exchange = await server.arrived(1)
                    await exchange.closed.wait()
                assert (exchange.outcome, exchange.closed_by) == ("client_closed", "client")
