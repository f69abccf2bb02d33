"""What the records of `codex exec --json` mean. Records as 0.169.0 writes them, ids shortened."""

from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.codex import Codex
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.usage import Usage

from .playing import Played, Record, play, run_of

AGENT = Codex()
THREAD = "01a1f885-1d74-71b0-9b2a-db5840ad9a26"
STARTED: Record = {"type": "thread.started", "thread_id": THREAD}
TURN: Record = {"type": "turn.started"}
READING = "Reading additional input from stdin...\n"
DROPPED = "stream disconnected before completion: Transport error: network error: error decoding response body"
IDLE = "stream disconnected before completion: idle timeout waiting for SSE"
RESUMED = SessionPlan("t-1", resume=True)


def item(kind: str, state: str = "completed", **more: Any) -> Record:
    return {"type": f"item.{state}", "item": {"id": more.pop("id", "item_0"), "type": kind, **more}}


def said(text: str, **more: Any) -> Record:
    return item("agent_message", text=text, **more)


def command(state: str, **more: Any) -> Record:
    known = {"id": "item_1", "command": "echo hi", "aggregated_output": "", "exit_code": None, "status": "in_progress"}
    return item("command_execution", state, **{**known, **more})


def usage(times: int = 1) -> dict[str, int]:
    figures = {"input": 120, "cached_input": 20, "cache_write_input": 0, "output": 17, "reasoning_output": 5}
    return {f"{name}_tokens": count * times for name, count in figures.items()}


def done(times: int = 1) -> Record:
    return {"type": "turn.completed", "usage": usage(times)}


def warned(message: str) -> Record:
    return {"type": "error", "message": message}


def failed(message: str) -> list[Record]:
    return [STARTED, TURN, warned(message), {"type": "turn.failed", "error": {"message": message}}]


def played(records: list[Record], exit: Exit | None = None, **more: Any) -> Played:
    return play(AGENT, run_of(AGENT, **more), records, exit or Exit(0, "exited", 0, READING))


def test_an_answer() -> None:
    end = played([STARTED, TURN, said("Hello."), done()])
    assert (end.outcome, end.text, end.deltas) == ("completed", "Hello.", ["Hello."])
    assert end.answer.usage == Usage(100, 17, 20, 0, 5)
    assert end.answer.metadata["session_id"] == end.decoder.session_id == THREAD
    assert "provider_events" not in end.answer.metadata


def test_the_last_message_is_the_answer() -> None:
    end = played([STARTED, TURN, said("I look."), command("started"), said("Found.", id="item_2"), done(2)])
    assert (end.text, end.deltas) == ("Found.", ["I look.", "Found."])


def test_thinking_is_no_answer() -> None:
    end = played([STARTED, TURN, item("reasoning", text="Hm."), said("Yes."), done()])
    assert (end.thoughts, end.text) == (["Hm."], "Yes.")


@pytest.mark.parametrize(
    ("records", "events"),
    [
        (
            [command("started"), command("completed", aggregated_output="hi\n", exit_code=0, status="completed")],
            [
                ("shell", "running", {"command": "echo hi"}, None),
                ("shell", "completed", {"command": "echo hi"}, "hi\n"),
            ],
        ),
        (
            [command("completed", exit_code=1, status="failed")],
            [("shell", "failed", {"command": "echo hi"}, "exit code 1")],
        ),
        ([command("completed", status="declined")], [("shell", "denied", {"command": "echo hi"}, None)]),
        (
            [item("file_change", changes=[{"path": "a.py", "kind": "add"}], status="completed")],
            [("file_change", "completed", {"changes": [{"path": "a.py", "kind": "add"}]}, None)],
        ),
        (
            [item("mcp_tool_call", "started", server="docs", tool="find", arguments={"q": 1}, status="in_progress")],
            [("docs.find", "running", {"q": 1}, None)],
        ),
        ([item("web_search", query="anyio")], [("web_search", "completed", {"query": "anyio"}, None)]),
    ],
)
def test_a_tool_runs_and_ends(records: list[Record], events: list[tuple[Any, ...]]) -> None:
    end = played([STARTED, TURN, *records, said("Done."), done()])
    assert end.tools == events


@pytest.mark.parametrize(
    ("message", "attempt", "most", "category", "status"),
    [
        (f"Reconnecting... 1/5 ({DROPPED})", 1, 5, "transport", None),
        ("Reconnecting... 2/5 (unexpected status 503 Service Unavailable: x)", 2, 5, "provider", 503),
        ("Reconnecting... 1/1 (exceeded retry limit, last status: 429 Too Many Requests)", 1, 1, "provider", 429),
        (f"Reconnecting... 1/1 ({IDLE})", 1, 1, "timeout", None),
        ("Reconnecting... waiting for network (Connection failed: error sending request)", 1, None, "transport", None),
    ],
)  # fmt: skip
def test_reconnecting_is_a_retry_and_no_failure(
    message: str, attempt: int, most: int | None, category: str, status: int | None
) -> None:
    end = played([STARTED, TURN, warned(message), said("Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")
    (retry,) = end.retries
    assert (retry.attempt, retry.max_attempts, retry.category, retry.status) == (attempt, most, category, status)
    assert retry.reason in message
    assert "Reconnecting" not in retry.reason


def test_waits_for_the_network_are_counted() -> None:
    waiting = warned("Reconnecting... waiting for network (Connection failed: error sending request)")
    assert [retry.attempt for retry in played([STARTED, TURN, waiting, waiting, waiting]).retries] == [1, 2, 3]


@pytest.mark.parametrize("warning", [warned("something odd"), item("error", message="Model metadata not found.")])
def test_a_warning_ends_nothing(warning: Record) -> None:
    end = played([STARTED, warning, TURN, said("Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")


@pytest.mark.parametrize(
    ("message", "category", "retryable", "reason"),
    [
        ("unexpected status 401 Unauthorized: x, url: u", "auth", False, "authentication"),
        ("unexpected status 403 Forbidden: x", "auth", False, "authentication"),
        ("Missing environment variable: `KEY`.", "auth", False, "no_key"),
        ("unexpected status 402 Payment Required: x", "provider", False, "quota"),
        ("Quota exceeded. Check your plan and billing details.", "provider", False, "quota"),
        ("You've hit your usage limit.", "provider", False, "quota"),
        ("unexpected status 404 Not Found: no such model", "config", False, "model_not_found"),
        ("The model `x` does not exist or you do not have access to it.", "config", False, "model_not_found"),
        ("unexpected status 413 Payload Too Large: x", "provider", False, "invalid_request"),
        ("unexpected status 422 Unprocessable Entity: x", "provider", False, "invalid_request"),
        ('{"error": {"message": "bad", "type": "invalid_request_error"}}', "provider", False, "invalid_request"),
        ("exceeded retry limit, last status: 429 Too Many Requests", "provider", True, "rate_limit"),
        ("unexpected status 503 Service Unavailable: x", "provider", True, "overloaded"),
        ("unexpected status 529 <unknown status code>: x", "provider", True, "overloaded"),
        ("We’re currently experiencing high demand, which may cause temporary errors.", "provider", True, "overloaded"),
        ("Codex ran out of room in the model's context window.", "provider", False, "context_length"),
        (DROPPED, "transport", True, "connection"),
        (IDLE, "timeout", True, "idle"),
        ("stream disconnected before completion: error sending request", "transport", True, "connection"),
        ("no words that anybody knows", "unknown", False, "unknown"),
    ],
)  # fmt: skip
def test_a_failed_turn_has_its_category(message: str, category: str, retryable: bool, reason: str) -> None:
    end = played(failed(message), Exit(1, "exited", 0, READING))
    assert end.failure == (category, retryable, reason)
    assert end.problem.details["session_id"] == THREAD


def test_the_body_of_a_refused_request_is_shown_as_its_message() -> None:
    end = played(failed('{"error": {"message": "no such tool", "type": "invalid_request_error"}}'))
    assert end.problem.message == "no such tool"


def test_a_failure_after_a_tool_is_not_repeated() -> None:
    end = played([STARTED, TURN, command("completed", exit_code=0, status="completed"), failed(DROPPED)[-1]])
    assert end.failure == ("transport", False, "connection")


@pytest.mark.parametrize(
    ("records", "exit", "category", "retryable", "reason"),
    [
        ([], Exit(0, "exited", 0, READING), "transport", True, None),
        ([STARTED, TURN], Exit(0, "exited", 0, READING), "transport", True, None),
        ([STARTED, TURN], Exit(1, "exited", 0, READING), "transport", True, None),
        ([STARTED, TURN], Exit(-15, "exited", 0, READING), "transport", True, None),
        ([STARTED, TURN, warned("unexpected status 401 x")], Exit(1, "exited"), "auth", False, "authentication"),
        ([STARTED, TURN, done()], Exit(1, "exited"), "transport", True, None),
        ([], Exit(2, "exited", 0, "error: unexpected argument '--x' found\n\nUsage: codex"), "config", False, None),
        ([], Exit(1, "exited", 0, "Error loading config.toml:\nc:1:14: unclosed array"), "config", False, "settings"),
        ([], Exit(1, "exited", 0, READING + "Not inside a trusted directory"), "config", False, None),
        (
            [],
            Exit(1, "exited", 0, "Error: thread/resume failed: no rollout found for thread id 0 (code -32600)"),
            "config",
            False,
            "unknown_session",
        ),
        (
            [STARTED, TURN],
            Exit(1, "exited", 0, READING + "2026-11-20T10:39:34Z ERROR codex_core: thread 0 not found"),
            "transport",
            True,
            None,
        ),
    ],
)
def test_an_ending_without_a_terminal_record_is_a_failure(
    records: list[Record], exit: Exit, category: str, retryable: bool, reason: str | None
) -> None:
    end = played(records, exit)
    assert end.failure == (category, retryable, reason)


def test_usage_is_that_of_the_turn_though_codex_counts_up() -> None:
    first = played([STARTED, TURN, said("1"), done(1)])
    plan = SessionPlan(THREAD, resume=True, totals=first.decoder.session_totals)
    second = played([STARTED, TURN, said("2"), done(3)], session=plan)
    assert second.answer.usage == Usage(200, 34, 40, 0, 10)
    fork = SessionPlan(THREAD, resume=True, fork=True, totals=second.decoder.session_totals)
    third = played([STARTED, TURN, said("3"), done(4)], session=fork)
    assert third.answer.usage == Usage(100, 17, 20, 0, 5)


def test_usage_is_known_after_a_first_turn_that_was_canceled() -> None:
    canceled = played([STARTED, TURN])
    plan = SessionPlan(THREAD, resume=True, totals=canceled.decoder.session_totals)
    assert played([STARTED, TURN, said("2"), done()], session=plan).answer.usage == Usage(100, 17, 20, 0, 5)


def test_usage_of_a_session_that_nobody_followed_is_unknown() -> None:
    end = played([STARTED, TURN, said("2"), done(3)], session=RESUMED)
    assert end.answer.usage is None
    assert end.answer.metadata["session_usage"] == usage(3)
    assert end.decoder.session_totals["input"] == 360


def test_usage_that_begins_anew_is_taken_as_it_is() -> None:
    totals = {"input": 500, "cached": 0, "written": 0, "output": 50, "reasoning": 0}
    end = played([STARTED, TURN, said("2"), done()], session=SessionPlan("t-1", resume=True, totals=totals))
    assert end.answer.usage == Usage(100, 17, 20, 0, 5)


@pytest.mark.parametrize(
    "record",
    [{"type": "thread.renamed"}, item("new_kind"), {"type": "item.completed"}, {"type": "error"}, {"no": "type"}],
)
def test_an_unknown_record_is_counted_and_harms_nothing(record: Record) -> None:
    end = played(
        [STARTED, TURN, said("Hello."), done()][:3] + ([] if record == {"type": "error"} else [record]) + [done()]
    )
    assert (end.outcome, end.text) == ("completed", "Hello.")


def test_a_turn_that_was_aborted_is_canceled() -> None:
    assert played([STARTED, TURN, {"type": "turn.aborted"}]).outcome == "canceled"
