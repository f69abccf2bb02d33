"""Tool calls: what was reported, what was asked for, and what the runtime ran, each once."""

from typing import Any

import pytest

from jido_nb.analysis.frames.tools import tools_df
from jido_nb.core.signal import Recorded


def cells(log: Any, *names: str) -> list[tuple[Any, ...]]:
    plain = tools_df(log)[list(names)].astype(object)
    return [tuple(row) for row in plain.where(plain.notna(), None).itertuples(index=False, name=None)]


def test_reports_of_a_call_are_one_row(full_log: list[Recorded]) -> None:
    assert cells(full_log, "call_id", "tool", "kind", "status", "input", "output", "duration_ms", "turn") == [
        ("t1", "Read", "server", "completed", '{"path": "a.txt"}', "text", 40.0, 1),
        ("t2", "ask", "client", "requested", '{"who": "ada"}', None, None, 1),
        ("function", "double", "function", "completed", '{"x": 2}', "4", 10.0, None),
    ]


def test_a_call_of_each_attempt_is_a_row_of_its_own(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.tool(10, "t1", "Read", "running", {})
    effect.retry(20, duration_ms=19.0, wait_ms=0)
    effect.again(21)
    effect.tool(30, "t1", "Read", "running", {})
    effect.tool(35, "t1", "Read", "failed", {}, tool_output="no such file")
    assert cells(story.log, "attempt", "status", "output", "output_characters") == [
        (1, "failed", None, None),
        (2, "failed", "no such file", 12),
    ]


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_a_call_that_had_not_ended_ends_with_its_turn(story: Any, ending: str) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.tool(10, "t1", "Read", "running", {})
    effect.tool(20, "t1", "Read", "completed", {}, tool_output="text")
    effect.tool(30, "t2", "Bash", "running", {})
    effect.put(40, ending, reason="enough")
    assert cells(story.log, "call_id", "status", "duration_ms") == [("t1", "completed", 10.0), ("t2", ending, 10.0)]


def test_a_call_without_an_id_goes_by_its_name(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.put(10, "progress", status="tool", sequence=0, tool_name="shell", tool_status="running")
    effect.put(20, "progress", status="tool", sequence=1, tool_name="shell", tool_status="completed")
    assert cells(story.log, "call_id", "tool", "status", "duration_ms") == [("shell", "shell", "completed", 10.0)]


def test_each_attempt_of_a_function_is_a_call(story: Any) -> None:
    base = {"effect_id": "tool-execution-f1", "effect_class": "tool", "kind": "execution", "tool_name": "flaky"}

    def put(at_ms: float, lifecycle: str, attempt: int, **data: Any) -> None:
        payload = {**base, "lifecycle": lifecycle, "attempt": attempt, **data}
        story.write(at_ms, f"conv.effect.tool.execution.{lifecycle}", f"f/{at_ms}", payload, "f1")

    put(1, "started", 1)
    put(5, "progress", 1, status="retrying", reason="it threw")
    put(6, "progress", 2, status="retry_attempt_started")
    put(9, "failed", 2, reason="it threw again")
    assert cells(story.log, "attempt", "status", "reason", "duration_ms") == [
        (1, "failed", "it threw", 4.0),
        (2, "failed", "it threw again", 3.0),
    ]


def test_odd_payloads_of_foreign_signals_cost_nothing(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.put(2, "progress", status="tool", tool_call_id=["x"], tool_name=7, tool_status=None)
    effect.put(3, "completed", result={"tool_calls": ["no", {"id": None}]})
    assert cells(story.log, "call_id", "tool", "status") == [
        ("['x']", "7", "running"),
        ("None", "tool", "requested"),
    ]
