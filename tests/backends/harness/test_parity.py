"""The table of faults, held against `harness` with the stand-in CLI, as `test_retry_matrix.py` does with `jido_ai`.

A row costs processes, so a fault that is tried again is played to its recovery where it streams, and to its end where
it does not.
"""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from jido_nb.core.projections.telemetry import TelemetrySnapshot
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.agent_cli import RUNS_VARIABLE
from jido_nb.simulator.scenario import Scenario, Status
from jido_nb.simulator.server import Server, serve
from jido_nb.testing.retry_bench import grown, hold, label
from jido_nb.testing.retry_matrix import ROWS
from jido_nb.testing.retry_row import POLICY, TIMEOUT_MS, BackendName, Mode, Row

pytestmark = pytest.mark.anyio

Steps = list[dict[str, Any]]

LIMIT_S = 60
IDLE_MS = 500
"""A process that writes three lines at once may be held up between them."""


class AgentBench:
    """A runtime whose agent is the stand-in, which counts its runs in a file."""

    backend: BackendName = "harness"
    policy: Mapping[str, Any] = {**POLICY, "max_attempts": 2}

    def __init__(self, runtime: Runtime, runs: Path, server: Server) -> None:
        self.runtime = runtime
        self.server = server
        """The other end of `jido_ai` in the same runtime, to compare with."""
        self._runs = runs
        self._asked = 0

    @property
    def requests(self) -> int:
        return len(self._runs.read_bytes())

    async def play(self, row: Row, mode: Mode, *, recovers: bool) -> Turn:
        self._asked += 1
        policy = {**self.policy, **row.policy}
        if "idle_timeout_ms" in policy:
            policy["idle_timeout_ms"] = IDLE_MS
        asked = {"model": "simulated:script", **row.asked}
        asked["model"] = f"harness:{asked['model']}"
        with anyio.fail_after(LIMIT_S):
            chat = self.runtime.conversation(f"row-{self._asked}")
            script = row.script(recovers=recovers)
            turn = await chat.send(script, stream=mode == "stream", effect_policy=policy, **asked)
            await turn.wait()
            await self.runtime.idle()
        return turn


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
async def bench(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AgentBench]:
    runs = tmp_path_factory.mktemp("runs") / "runs"
    runs.touch()
    agents = {"simulated": {"env": {RUNS_VARIABLE: str(runs)}}}
    async with serve() as server:
        backends = {
            "harness": {"agents": agents},
            "jido_ai": {"providers": {"simulated": {"base_url": server.url}}},
        }
        async with open_runtime(Settings.model_validate({"llm": {"backends": backends}})) as runtime:
            yield AgentBench(runtime, runs, server)


def playable(row: Row, mode: Mode, recovers: bool) -> bool:
    if not row.tried_again:
        return not recovers
    # No process starts within the time that a server answers in.
    quick = TIMEOUT_MS in (row.policy.get("timeout_ms"), row.policy.get("first_chunk_timeout_ms"))
    if quick or len(row.modes) == 1:
        return not (quick and recovers)
    return recovers == (mode == "stream")


CASES = [
    pytest.param(row, mode, recovers, id=f"{row.name}-{mode}-{'recovers' if recovers else 'stays'}")
    for row in ROWS
    if "harness" in row.backends
    for mode in row.modes
    for recovers in (True, False)
    if playable(row, mode, recovers)
]


@pytest.mark.parametrize(("row", "mode", "recovers"), CASES)
async def test_a_fault_has_the_effects_that_the_table_says(
    row: Row, mode: Mode, recovers: bool, bench: AgentBench
) -> None:
    await hold(bench, row, mode, recovers=recovers)


def counts(before: TelemetrySnapshot, after: TelemetrySnapshot, backend: str) -> dict[str, Any]:
    """What telemetry has counted, without the name of the backend."""
    return {
        "lifecycles": grown(before.lifecycle_counts, after.lifecycle_counts),
        "of the backend": grown(
            before.lifecycle_by_backend.get(backend, {}), after.lifecycle_by_backend.get(backend, {})
        ),
        "retries": grown(before.retry_by_category, after.retry_by_category),
        "failures": grown(before.failure_by_category, after.failure_by_category),
        "cancels": grown(before.cancel_results, after.cancel_results),
        "chunks": grown(before.stream_chunks, after.stream_chunks),
    }


YES: Steps = [{"text": "Yes."}, {"done": {}}]
BUSY: Steps = [{"fail": {"status": 503}}]
STORIES: Mapping[str, tuple[list[Steps], Scenario]] = {
    # what the agent does in each attempt, and the server that does the same
    "an answer": ([YES], Scenario.text(("Yes.",))),
    "refused": ([[{"fail": {"status": 401}}]], Scenario.always(Status(401))),
    "busy twice": ([BUSY, BUSY, YES], Scenario.text(("Yes.",)).after(Status(503), times=2)),
    "busy for ever": ([BUSY], Scenario.always(Status(503))),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("story", STORIES)
async def test_both_backends_leave_the_same_story_and_the_same_telemetry(
    story: str, stream: bool, bench: AgentBench
) -> None:
    attempts, scenario = STORIES[story]
    model = f"{story}-{stream}"
    bench.server.add(model, scenario)
    asked = {
        "harness": (json.dumps({"attempts": attempts}), "harness:simulated:script"),
        "jido_ai": ("hi", f"simulated:{model}"),
    }
    told: dict[str, Any] = {}
    for backend, (text, name) in asked.items():
        before = bench.runtime.telemetry()
        chat = bench.runtime.conversation(f"{model}-{backend}")
        turn = await chat.send(text, model=name, stream=stream, effect_policy={**POLICY, "join_ms": 0})
        await turn.wait()
        await bench.runtime.idle()
        log = [label(each.signal) for each in await chat.events("conv.effect.**")]
        told[backend] = (log, turn.status, turn.attempts, counts(before, bench.runtime.telemetry(), backend))
    assert told["harness"] == told["jido_ai"]
