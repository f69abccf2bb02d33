"""Hold a backend to the table of faults.

A row is played through a whole runtime, and what log, turn, wire and telemetry say is compared with what must follow.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Protocol

from ..core.projections.telemetry import TelemetrySnapshot
from ..core.signal import Signal
from ..runtime.runtime import Runtime
from ..runtime.turn import Turn
from .retry_row import PIECES, TERMINAL_KEYS, BackendName, Expected, Mode, Row

AGENT_KEYS = frozenset({"session_id", "execution_ref"})
"""What endings of agents say beside the rest, from the moment that it is known."""
OF_THE_WIRE = frozenset({"field", "limit_ms"})
"""Details that name what only one backend has."""


class Bench(Protocol):
    """A runtime with a backend, and the other end of that backend's wire."""

    runtime: Runtime
    backend: BackendName
    policy: Mapping[str, Any]
    """Of a row that says nothing else."""

    @property
    def requests(self) -> int:
        """How many requests have reached the other end; how many processes were started."""
        ...

    async def play(self, row: Row, mode: Mode, *, recovers: bool) -> Turn:
        """Play a row to its end."""
        ...


async def hold(bench: Bench, row: Row, mode: Mode, *, recovers: bool) -> None:
    """Play a row; AssertionError where something else follows than the table says."""
    policy = {**bench.policy, **row.policy}
    expected = row.expected(
        mode, recovers=recovers, backend=bench.backend, max_attempts=int(bench.policy["max_attempts"])
    )
    before, requests = bench.runtime.telemetry(), bench.requests
    turn = await bench.play(row, mode, recovers=recovers)
    log = [recorded.signal for recorded in await turn.conversation.events("conv.effect.**")]

    assert tuple(name for name, _ in groupby(map(label, log))) == expected.story
    reached = bench.requests - requests
    # A process that is ended before it has begun cannot be counted.
    cut_off = bench.backend == "harness" and "limit_ms" in row.details and not row.shown
    assert reached <= expected.requests if cut_off else reached == expected.requests
    ending = log[-1].data
    assert set(ending) - AGENT_KEYS == TERMINAL_KEYS[expected.ending]
    assert (turn.status, turn.attempts, ending["attempt"]) == (expected.ending, expected.attempts, expected.attempts)
    failures = [signal.data for signal in log if "error_category" in signal.data]
    assert len(failures) == expected.attempts - (expected.ending == "completed")
    details = row.details_in(mode)
    if bench.backend == "harness":
        details = {key: value for key, value in details.items() if key not in OF_THE_WIRE}
    for failure in failures:
        assert (failure["error_category"], failure["retryable"]) == (row.category_in(mode), row.retryable), failure
        assert failure["reason"].strip()
        assert details.items() <= failure["details"].items(), failure["details"]
        assert failure.get("discarded", False) == (mode == "stream" and row.shown > 0 and failure is not ending)
    for failure, factor in zip(failures[: expected.attempts - 1], (1, 2, 4), strict=False):
        assert failure["backoff_ms"] == policy["backoff_ms"] * factor
        assert failure["wait_ms"] == max(failure["backoff_ms"], failure["retry_after_ms"] or 0)
    if expected.ending == "completed":
        assert ending["result"]["text"] == turn.text == "".join(PIECES)
        assert ending["result"]["usage"]["output_tokens"] == 4
    elif mode == "stream":
        assert ending["partial_text"] == turn.text == "".join(PIECES[: row.shown])
        if row.shown:
            assert ending["usage"]["output_tokens"] == 2
            assert ending["usage"]["estimated"] is True
    _check_telemetry(bench, before, log, expected, row.category_in(mode))


def label(signal: Signal) -> str:
    """`retrying@1` for example."""
    lifecycle = signal.data["lifecycle"]
    return f"{signal.data['status'] if lifecycle == 'progress' else lifecycle}@{signal.data['attempt']}"


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """By how much each count has grown; those that have not are left out."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def _check_telemetry(
    bench: Bench, before: TelemetrySnapshot, log: list[Signal], expected: Expected, category: str
) -> None:
    after = bench.runtime.telemetry()
    lifecycles = {name: len(list(run)) for name, run in groupby(sorted(signal.data["lifecycle"] for signal in log))}
    assert lifecycles["started"] == lifecycles[expected.ending] == 1
    assert grown(before.lifecycle_counts, after.lifecycle_counts) == lifecycles
    backend = grown(before.lifecycle_by_backend.get(bench.backend, {}), after.lifecycle_by_backend[bench.backend])
    assert backend == lifecycles
    assert grown(before.retry_by_category, after.retry_by_category) == expected.retries
    failures = {category: 1} if expected.ending == "failed" else {}
    assert grown(before.failure_by_category, after.failure_by_category) == failures
    assert after.stream_chunks["delta"] - before.stream_chunks["delta"] == expected.chunks
