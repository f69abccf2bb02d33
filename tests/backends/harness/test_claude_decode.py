"""What the records of Claude Code mean."""

from collections.abc import Callable
from typing import Any

import pytest

from jido_nb.backends.harness.agent import Run, SessionPlan
from jido_nb.backends.harness.agents.claude import Claude
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import AgentRetry, LLMEvent, Retraction
from jido_nb.llm.fold import Fold
from jido_nb.llm.result import LLMResult
from jido_nb.llm.usage import Usage

from . import claude_records as r
from .claude_records import Record

RunOf = Callable[..., Run]


def read(run: Run, records: list[Record], exit: Exit | None = None) -> tuple[list[LLMEvent], LLMResult | LLMError]:
    decoder = Claude().decoder(run)
    fold = Fold()
    events = [decoder.begin()]
    for record in records:
        events += decoder.decode(record)
    for event in events:
        fold.add(event)
    try:
        if not fold.ended:
            raise decoder.failure(exit or Exit(0, "exited"))
        return events, fold.result()
    except LLMError as error:
        return events, error


def answer_of(run: Run, records: list[Record]) -> tuple[list[LLMEvent], LLMResult]:
    events, ending = read(run, records)
    assert isinstance(ending, LLMResult), ending
    assert [event.sequence for event in events] == list(range(len(events)))
    return events, ending


def shown(events: list[LLMEvent]) -> list[str]:
    return [event.delta for event in events if event.delta]


def test_an_answer(run_of: RunOf) -> None:
    records = [r.UI, r.init(), r.REQUESTING, *r.answer("m1", "Hel", "lo."), r.result("Hello.")]
    events, result = answer_of(run_of("claude"), records)
    assert shown(events) == ["Hel", "lo."]
    assert (result.text, result.model, result.provider) == ("Hello.", "claude-sonnet-4-5", "claude")
    assert (result.finish_reason, result.usage) == ("end_turn", Usage(120, 17, 20, 3, 4))
    assert result.metadata["session_id"] == r.SESSION
    assert result.metadata["version"] == "2.1.329"
    assert "provider_events" not in result.metadata


def test_the_first_record_says_who_answers(run_of: RunOf) -> None:
    decoder = Claude().decoder(run_of("claude"))
    (event,) = decoder.decode(r.init())
    assert event.lifecycle == "started"
    assert event.metadata == {
        "session_id": r.SESSION,
        "model": "claude-sonnet-4-5",
        "cwd": "/w",
        "version": "2.1.329",
        "tools": ["Bash", "Read"],
        "permission_mode": "default",
    }


def test_thinking(run_of: RunOf) -> None:
    records = [
        r.init(),
        r.message_start("m1"),
        r.block_start(0, type="thinking", thinking="", signature=""),
        r.THINKING_TOKENS,
        r.delta(0, type="thinking_delta", thinking="Let me"),
        r.delta(0, type="thinking_delta", thinking=" see."),
        r.delta(0, type="signature_delta", signature="c2ln"),
        r.assistant("m1", {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}),
        r.block_stop(0),
        r.text_block(1),
        *r.text("Four.", index=1),
        r.assistant("m1", r.said("Four.")),
        r.block_stop(1),
        r.message_stop(),
        r.result("Four."),
    ]
    events, result = answer_of(run_of("claude"), records)
    assert (result.thinking, result.text) == ("Let me see.", "Four.")
    assert [event.thinking for event in events if event.thinking] == ["Let me", " see."]


def with_tool(*after: Record) -> list[Record]:
    return [
        r.init(),
        r.message_start("m1"),
        r.text_block(0),
        *r.text("Looking."),
        r.assistant("m1", r.said("Looking.")),
        r.block_start(1, type="tool_use", id="t1", name="Bash", input={}),
        r.delta(1, type="input_json_delta", partial_json='{"command": "ls"}'),
        r.assistant("m1", r.tool_use("t1", "Bash", command="ls")),
        r.block_stop(1),
        r.message_delta("tool_use"),
        r.message_stop(),
        *after,
    ]


TOOLS: dict[str, tuple[list[Record], list[str], Any]] = {
    "completed": ([r.tool_result("t1", "a.txt")], ["pending", "running", "completed"], "a.txt"),
    "blocks": (
        [r.tool_result("t1", [{"type": "text", "text": "a"}, {"type": "image"}])],
        ["pending", "running", "completed"],
        "a[image]",
    ),
    "failed": ([r.tool_result("t1", "no such file", is_error=True)], ["pending", "running", "failed"], "no such file"),
    "denied": (
        [
            r.system("permission_denied", tool_name="Bash", tool_use_id="t1", message="needs approval"),
            r.tool_result("t1", "needs approval", is_error=True, non_execution_kind="user-rejected"),
        ],
        ["pending", "running", "denied"],
        "needs approval",
    ),
    "rejected": (
        [r.tool_result("t1", "rejected", is_error=True, permission_decision={"decision": "reject"})],
        ["pending", "running", "denied"],
        "rejected",
    ),
    "accepted": (
        [r.tool_result("t1", "ok", permission_decision={"decision": "accept", "source": "config"})],
        ["pending", "running", "completed"],
        "ok",
    ),
}


@pytest.mark.parametrize("case", TOOLS)
def test_a_tool_shows_every_step(case: str, run_of: RunOf) -> None:
    after, steps, output = TOOLS[case]
    records = with_tool(*after, r.REQUESTING, *r.answer("m2", "Done."), r.result("Done."))
    events, result = answer_of(run_of("claude"), records)
    assert [event.tool.status for event in events if event.tool] == steps
    (call,) = result.tool_calls
    assert (call.id, call.name, call.arguments, call.output) == ("t1", "Bash", {"command": "ls"}, output)
    assert result.text == "Done."


def test_what_a_sub_agent_says_is_no_part_of_the_answer(run_of: RunOf) -> None:
    theirs = [{**record, "parent_tool_use_id": "t1"} for record in r.answer("m9", "theirs")]
    records = with_tool(*theirs, r.tool_result("t1", "ok"), *r.answer("m2", "mine"), r.result("mine"))
    events, result = answer_of(run_of("claude"), records)
    assert shown(events) == ["Looking.", "mine"]
    assert result.text == "mine"


# Broken streams: what was streamed before is taken back when something takes its place.
def broken(*pieces: str) -> list[Record]:
    return [r.message_start("m1"), r.text_block(), *r.text(*pieces)]


RETRACTIONS: dict[str, list[Record]] = {
    "abandoned, then streamed again": [
        *broken("Hel"),
        r.block_stop(),
        r.message_stop(abandoned_from=0),
        r.api_retry(1, None, "unknown"),
        *r.answer("m2", "Hello."),
    ],
    "never closed, then streamed again": [*broken("Hel"), r.api_retry(1, 529, "overloaded"), *r.answer("m2", "Hello.")],
    "abandoned, then repeated without streaming": [
        *broken("Hel"),
        r.block_stop(),
        r.message_stop(abandoned_from=0),
        r.assistant("m2", r.said("Hello.")),
    ],
    "never closed, then repeated without streaming": [*broken("Hel"), r.assistant("m2", r.said("Hello."))],
    "confirmed with other words": [*broken("Hel"), r.assistant("m1", r.said("Hello.")), r.block_stop()],
}


@pytest.mark.parametrize("case", RETRACTIONS)
def test_text_of_a_broken_stream_is_replaced(case: str, run_of: RunOf) -> None:
    events, result = answer_of(run_of("claude"), [r.init(), *RETRACTIONS[case], r.result("Hello.")])
    assert [event.aside for event in events if isinstance(event.aside, Retraction)] == [Retraction(0, 0)]
    fold = Fold()
    for event in events:
        fold.add(event)
    assert fold.text == result.text == "Hello."


def test_what_came_before_a_broken_message_stays(run_of: RunOf) -> None:
    records = with_tool(
        r.tool_result("t1", "ok"),
        r.message_start("m2"),
        r.text_block(),
        *r.text("Hal"),
        r.message_stop(abandoned_from=0),
        *r.answer("m3", "Done."),
        r.result("Done."),
    )
    events, _ = answer_of(run_of("claude"), records)
    assert [event.aside for event in events if event.aside] == [Retraction(len("Looking."), 0)]


def test_a_failure_keeps_the_text_that_was_abandoned(run_of: RunOf) -> None:
    records = [
        r.init(),
        *broken("Hel"),
        r.synthetic("API Error: Connection to the API was lost", "server_error", api_error="connection_failed"),
        r.message_stop(abandoned_from=0),
        r.failed("API Error: Connection to the API was lost", api_error="connection_failed"),
    ]
    events, error = read(run_of("claude"), records)
    assert isinstance(error, LLMError)
    assert (error.category, error.partial_text) == ("transport", "Hel")
    assert shown(events) == ["Hel"]


@pytest.mark.parametrize(
    ("status", "error", "category"),
    [(529, "overloaded", "provider"), (401, "authentication_failed", "auth"), (None, "unknown", "transport")],
)
def test_its_own_retries_are_told(status: int | None, error: str, category: str, run_of: RunOf) -> None:
    records = [r.init(), r.api_retry(1, status, error), *r.answer("m1", "Hello."), r.result()]
    events, result = answer_of(run_of("claude"), records)
    (retry,) = [event.aside for event in events if isinstance(event.aside, AgentRetry)]
    assert (retry.attempt, retry.max_attempts, retry.wait_ms) == (1, 2, 563)
    assert (retry.status, retry.category) == (status, category)
    assert result.metadata["agent_retries"] == 1


FAILURES: dict[str, tuple[list[Record], str, bool, str | None]] = {
    # case: (records, category, retryable, details.reason)
    "no key": (
        [r.synthetic("Not logged in", "authentication_failed"), r.failed("Not logged in")],
        *("auth", False, "authentication"),
    ),
    "401": (
        [r.synthetic("401", "authentication_failed", api_error_status=401), r.failed("401", api_error_status=401)],
        *("auth", False, "authentication"),
    ),
    "403": ([r.failed("403", api_error_status=403)], "auth", False, "invalid_request"),
    "credit": (
        [r.synthetic("credit", "billing_error", api_error_status=400), r.failed("credit", api_error_status=400)],
        *("provider", False, "quota"),
    ),
    "400": (
        [r.synthetic("400", "unknown", api_error_status=400), r.failed("400", api_error_status=400)],
        *("provider", False, "invalid_request"),
    ),
    "too long": (
        [r.failed("Prompt is too long", "prompt_too_long", api_error_status=400)],
        *("provider", False, "context_length"),
    ),
    "413": ([r.failed("Request too large", "image_error", api_error_status=413)], "provider", False, "invalid_request"),
    "404": (
        [r.synthetic("no model", "model_not_found", api_error_status=404), r.failed("no model", api_error_status=404)],
        *("config", False, "model_not_found"),
    ),
    "429": (
        [r.synthetic("429", "rate_limit", api_error_status=429), r.failed("429", api_error_status=429)],
        *("provider", True, "rate_limit"),
    ),
    "503": (
        [r.synthetic("503", "server_error", api_error_status=503), r.failed("503", api_error_status=503)],
        *("provider", True, "overloaded"),
    ),
    "529 in the stream": (
        [r.synthetic("Overloaded", "unknown", api_error_status=529), r.failed("Overloaded", api_error_status=529)],
        *("provider", True, "overloaded"),
    ),
    "refused": (
        [
            r.synthetic("Connection refused", "server_error", api_error="connection_failed"),
            r.failed("Connection refused", api_error="connection_failed"),
        ],
        *("transport", True, "connection"),
    ),
    "no headers": (
        [r.synthetic("Request timed out", "server_error"), r.failed("Request timed out")],
        *("timeout", True, "timeout"),
    ),
    "broken JSON": ([r.failed("API Error: JSON Parse error: Unterminated string")], "transport", True, "broken_stream"),
    "max turns": (
        [r.failed(None, "max_turns", subtype="error_max_turns", errors=["Reached maximum number of turns (2)"])],
        *("provider", False, "max_turns"),
    ),
    "budget": (
        [r.failed(None, "budget_exhausted", subtype="error_max_budget_usd", errors=["Reached maximum budget"])],
        *("provider", False, "budget"),
    ),
    "unknown session": (
        [r.failed(None, None, subtype="error_during_execution", errors=["No conversation found with session ID: x"])],
        *("config", False, "unknown_session"),
    ),
    "interrupted": (
        [r.interrupted(), r.failed(None, "aborted_streaming", subtype="error_during_execution", errors=["[ede]"])],
        *("canceled", False, None),
    ),
    "interrupted, without a result": ([r.interrupted()], "canceled", False, None),
    "dead after an error": (
        [r.synthetic("Overloaded", "overloaded", api_error_status=529)],
        *("provider", True, "overloaded"),
    ),
    "an error that calls itself a success": ([r.failed("odd")], "unknown", False, None),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_has_its_category(case: str, run_of: RunOf) -> None:
    records, category, retryable, reason = FAILURES[case]
    events, error = read(run_of("claude"), [r.init(), r.REQUESTING, *records])
    assert isinstance(error, LLMError)
    assert (error.category, error.retryable, error.details.get("reason")) == (category, retryable, reason)
    assert shown(events) == []
    assert error.details["session_id"] == r.SESSION


@pytest.mark.parametrize(
    ("exit", "category"),
    [
        (Exit(0, "exited"), "transport"),
        (Exit(143, "exited"), "transport"),
        (Exit(-9, "exited"), "transport"),
        (Exit(1, "exited", stderr="error: unknown option '--no-such-flag'\n"), "config"),
        (Exit(1, "exited", stderr="Error: Session ID 1 is already in use.\n"), "config"),
        (Exit(1, "exited", stderr="Error: Settings file not found: /x\n"), "config"),
        (Exit(1, "exited", stderr="Error: Input must be provided either through stdin or as a prompt\n"), "config"),
        (Exit(1, "exited", stderr="--dangerously-skip-permissions cannot be used with root/sudo\n"), "config"),
        (Exit(1, "exited", stderr="Error: --output-format=stream-json requires --verbose\n"), "config"),
        (Exit(1, "exited", stderr="Not logged in · Please run /login\n"), "auth"),
    ],
)
def test_an_exit_without_a_result_is_a_failure(exit: Exit, category: str, run_of: RunOf) -> None:
    _, error = read(run_of("claude"), [r.init()], exit)
    assert isinstance(error, LLMError)
    assert error.category == category


def test_an_attempt_that_used_tools_is_not_repeated_by_itself(run_of: RunOf) -> None:
    records = with_tool(r.tool_result("t1", "ok"), r.failed("API Error: 503", api_error_status=503))
    _, error = read(run_of("claude"), records)
    assert isinstance(error, LLMError)
    assert (error.category, error.retryable, error.details["tools_used"]) == ("provider", False, 1)
    assert error.usage == Usage(120, 17, 20, 3, 4)


def test_the_message_that_a_cancel_cut_off_counts(run_of: RunOf) -> None:
    nothing = {"usage": {"input_tokens": 0, "output_tokens": 0}, "subtype": "error_during_execution"}
    records = [r.message_start("m1"), r.text_block(), *r.text("Hel"), r.interrupted()]
    _, error = read(run_of("claude"), [r.init(), *records, r.failed(None, "aborted_streaming", **nothing)])
    assert isinstance(error, LLMError)
    assert (error.category, error.partial_text) == ("canceled", "Hel")
    assert error.usage is not None
    assert (error.usage.input_tokens, error.usage.cache_read_tokens) == (120, 20)


@pytest.mark.parametrize(
    ("session", "record", "amount"),
    [
        (SessionPlan("s"), r.result(total_cost_usd=0.5), 0.5),
        (SessionPlan("s", resume=True, totals={"cost_usd": 0.5}), r.result(total_cost_usd=0.75), 0.25),
        (
            SessionPlan("s", resume=True),
            r.result(
                total_cost_usd=0.75, model_usage_since_last_result={"a": {"costUSD": 0.25}, "b": {"costUSD": 0.125}}
            ),
            0.375,
        ),
    ],
)
def test_the_cost_is_that_of_the_turn(session: SessionPlan, record: Record, amount: float, run_of: RunOf) -> None:
    decoder = Claude().decoder(run_of("claude", session=session))
    result = decoder.decode(record)[-1].result
    assert result is not None
    assert result.cost is not None
    assert result.cost.amount == pytest.approx(amount)
    assert decoder.session_totals == {"cost_usd": record["total_cost_usd"]}


def test_records_that_nobody_knows_are_counted_and_do_no_harm(run_of: RunOf) -> None:
    strange: list[Any] = [
        {"type": "rate_limit_event", "resets": 1},
        {"type": "system", "subtype": "hook_started"},
        {"type": "system"},
        {"type": "stream_event", "event": "ui.render"},
        {"type": "assistant", "message": None},
        {"no": "type"},
        {"type": ["x"]},
    ]
    _, result = answer_of(run_of("claude"), [r.init(), *strange, *r.answer("m1", "Hello."), r.result()])
    assert result.text == "Hello."
    assert result.metadata["provider_events"] == {
        "rate_limit_event": 1,
        "system.hook_started": 1,
        "system": 1,
        "stream_event": 1,
        "assistant": 1,
        "no type": 2,
    }
