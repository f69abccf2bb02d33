"""What OpenCode is told, and what the records of `opencode run` mean. Records as 1.18.33 writes them, shortened."""

import json
from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.opencode import CONFIG_VARIABLE, OpenCode
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import LLMError
from jido_nb.llm.usage import Usage

from .playing import Played, Record, play, run_of

AGENT = OpenCode()
REJECTED = "The user rejected permission to use this specific tool call."


def record(kind: str, **part: Any) -> Record:
    return {"type": kind, "sessionID": "ses_1", "part": {"messageID": "m-1", "sessionID": "ses_1", **part}}


def step() -> Record:
    return record("step_start")


def said(text: str, message: str = "m-1") -> Record:
    return record("text", text=text, messageID=message)


def finish(reason: str = "stop", cost: float = 0.5) -> Record:
    tokens = {"total": 137, "input": 100, "output": 12, "reasoning": 5, "cache": {"write": 0, "read": 20}}
    return record("step_finish", reason=reason, tokens=tokens, cost=cost)


def tool(status: str = "completed", **state: Any) -> Record:
    return record("tool_use", tool="bash", callID="c-1", state={"status": status, "input": {"command": "ls"}, **state})


def error(name: str, **data: Any) -> Record:
    return {"type": "error", "sessionID": "ses_1", "error": {"name": name, "data": {"message": "no", **data}}}


def played(records: list[Record | bytes], code: int = 0, stderr: str = "", **more: Any) -> Played:
    return play(AGENT, run_of(AGENT, **more), records, Exit(code, "exited", 0, stderr))


def test_an_answer() -> None:
    end = played([step(), record("reasoning", text="Hm."), said("Hello."), finish()])
    assert (end.outcome, end.text, end.thoughts) == ("completed", "Hello.", ["Hm."])
    assert end.answer.usage == Usage(100, 17, 20, 0, 5)
    assert end.answer.cost is not None
    assert end.answer.cost.amount == 0.5
    assert (end.decoder.session_id, end.answer.finish_reason) == ("ses_1", "stop")


def test_steps_are_added_up_and_the_last_message_is_the_answer() -> None:
    first = [step(), said("I look."), tool(output="a.py"), finish("tool-calls")]
    end = played([*first, step(), said("Found", "m-2"), said(" it.", "m-2"), finish()])
    assert (end.text, end.deltas) == ("Found it.", ["I look.", "Found", " it."])
    assert end.answer.usage == Usage(200, 34, 40, 0, 10)
    assert end.answer.cost is not None
    assert end.answer.cost.amount == 1.0


def test_a_cost_of_nothing_is_not_known() -> None:
    assert played([step(), said("Hello."), finish(cost=0)]).answer.cost is None


@pytest.mark.parametrize(
    ("state", "status", "output"),
    [
        ({"output": "hi\n", "metadata": {"exit": 0}}, "completed", "hi\n"),
        ({"status": "error", "error": "no such file"}, "failed", "no such file"),
        ({"status": "error", "error": REJECTED}, "denied", REJECTED),
    ],
)
def test_a_tool_is_told_when_it_has_ended(state: dict[str, Any], status: str, output: str) -> None:
    end = played([step(), tool(**state), finish("tool-calls"), step(), said("Done.", "m-2"), finish()])
    assert end.tools == [("bash", status, {"command": "ls"}, output)]
    assert end.outcome == "completed"


def test_a_run_that_stops_at_a_refusal_is_no_success() -> None:
    end = played([step(), said("I try."), tool("error", error=REJECTED), finish("tool-calls")])
    assert end.failure == ("config", False, "permission_denied")
    assert (end.text, end.problem.details["tool"]) == ("I try.", "bash")


def test_a_step_that_begins_again_is_a_retry_and_takes_back_what_it_said() -> None:
    end = played([step(), said("Hel"), step(), said("Hello.", "m-2"), finish()])
    assert (end.text, end.retractions) == ("Hello.", [(0, 0)])
    assert [(retry.attempt, retry.category) for retry in end.retries] == [(1, "transport")]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (error("APIError", statusCode=401, isRetryable=False), ("auth", False, "authentication")),
        (error("APIError", statusCode=403), ("auth", False, "authentication")),
        (error("APIError", statusCode=404), ("config", False, "model_not_found")),
        (error("APIError", statusCode=422), ("provider", False, "invalid_request")),
        (error("APIError", statusCode=429, isRetryable=True), ("provider", True, "rate_limit")),
        (error("APIError", statusCode=503, isRetryable=True), ("provider", True, "overloaded")),
        (error("APIError", isRetryable=True), ("provider", True, "api_error")),
        (error("ContextOverflowError"), ("provider", False, "context_length")),
        (error("ProviderAuthError"), ("auth", False, "authentication")),
        (error("UnknownError", message="The operation timed out."), ("timeout", True, "timeout")),
        (error("UnknownError", message="Unable to connect."), ("transport", True, "connection")),
        (error("UnknownError", message="Unexpected server error."), ("unknown", False, "unknown")),
    ],
)
def test_an_error_ends_the_run_with_its_category(record: Record, expected: tuple[str, bool, str]) -> None:
    assert played([step(), record], 1).failure == expected


def test_an_aborted_run_is_canceled() -> None:
    assert played([step(), error("MessageAbortedError")]).outcome == "canceled"


def test_a_wait_that_is_asked_for_is_told() -> None:
    end = played([error("APIError", statusCode=429, responseHeaders={"retry-after": "2"})])
    assert end.problem.retry_after_ms == 2000


@pytest.mark.parametrize(
    ("records", "code", "stderr", "expected"),
    [
        ([], 0, "", ("transport", True, None)),
        ([step(), b'{"type":"text","sessionID":"ses_1","part":{"id":"'], 0, "", ("transport", True, None)),
        ([step(), said("Hello."), finish()], 1, "", ("transport", True, None)),
        ([step(), said("Hello."), finish("error")], 0, "", ("provider", True, "model_error")),
        ([step()], -15, "", ("transport", True, None)),
        ([], 1, "Error: You must provide a message or a command", ("config", False, "invalid_input")),
        ([], 1, "Error: Session not found", ("config", False, "unknown_session")),
        ([], 1, "opencode run [message..]\n\nOptions:", ("config", False, "invalid_input")),
    ],
)
def test_an_ending_without_success_is_a_failure(
    records: list[Record | bytes], code: int, stderr: str, expected: tuple[str, bool, str | None]
) -> None:
    assert played(records, code, stderr).failure == expected


def test_an_answer_that_was_cut_off_by_its_length_is_told_as_such() -> None:
    end = played([step(), said("Hel"), finish("length")])
    assert (end.text, end.answer.finish_reason) == ("Hel", "length")


@pytest.mark.parametrize("odd", [{"type": "new"}, {"type": "text"}, {"type": "tool_use", "part": {}}, {"odd": 1}])
def test_an_unknown_record_harms_nothing(odd: Record) -> None:
    end = played([step(), odd, said("Hello."), finish()])
    assert (end.outcome, end.text) == ("completed", "Hello.")


REST = {"edit", "webfetch", "websearch", "external_directory"}
BASE = ["run", "--format", "json", "--thinking"]


@pytest.mark.parametrize(
    ("more", "argv"),
    [
        ({}, BASE),
        ({"model": "a/b"}, [*BASE, "-m", "a/b"]),
        ({"session": SessionPlan("s", resume=True)}, [*BASE, "--session", "s"]),
        ({"session": SessionPlan("s", resume=True, fork=True)}, [*BASE, "--session", "s", "--fork"]),
        ({"settings": {"reasoning_effort": "high", "args": ["--pure"]}}, [*BASE, "--variant", "high", "--pure"]),
    ],
)
def test_the_command(more: dict[str, Any], argv: list[str]) -> None:
    run = run_of(AGENT, prompt="--auto", **more)
    assert (AGENT.argv(run), AGENT.stdin(run)) == (argv, b"--auto")


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({}, set()),
        ({"permission_mode": "edit"}, {"edit"}),
        ({"permission_mode": "full"}, {"bash", *REST}),
        ({"allowed_tools": ["bash"]}, {"bash"}),
        ({"permission_mode": "full", "disallowed_tools": ["bash"]}, REST),
        ({"config": {"permission": {"bash": "allow"}}}, set()),
    ],
)
def test_nothing_but_reading_is_allowed_unless_the_settings_say_so(settings: dict[str, Any], allowed: set[str]) -> None:
    environment = AGENT.environment(run_of(AGENT, settings=settings))
    permission = json.loads(environment[CONFIG_VARIABLE])["permission"]
    assert {name for name, word in permission.items() if word == "allow"} == allowed
    assert {"edit", "bash", "webfetch", "external_directory"} <= permission.keys()


def test_settings_of_its_own_are_passed_on() -> None:
    environment = AGENT.environment(run_of(AGENT, settings={"config": {"small_model": "a/b"}}))
    assert json.loads(environment[CONFIG_VARIABLE])["small_model"] == "a/b"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"permission_mode": "read"}, "read-only"),
        ({"max_turns": 2}, "max_turns"),
        ({"env": {CONFIG_VARIABLE: "{}"}}, "config"),
    ],
)
def test_what_cannot_be_followed_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(LLMError, match=words) as problem:
        AGENT.argv(run_of(AGENT, settings=settings))
    assert problem.value.category == "config"


def test_a_step_that_follows_the_last_one_was_not_the_end() -> None:
    played = play(AGENT, run_of(AGENT), [step(), said("One."), finish(), step(), said("Two.", "m-2"), finish()])
    assert (played.answer.text, played.deltas) == ("Two.", ["One.", "Two."])
    assert played.answer.usage is not None
    assert played.answer.usage.input_tokens == 200


def test_a_step_that_was_begun_and_cut_off_is_no_success() -> None:
    played = play(AGENT, run_of(AGENT), [step(), said("One."), finish(), step(), said("Tw", "m-2")])
    assert (played.outcome, played.problem.details["truncated"]) == ("failed", True)


def test_a_last_record_that_is_cut_off_is_no_success() -> None:
    played = play(AGENT, run_of(AGENT), [step(), said("One."), finish(), b'{"type":"text","part":{"text":"and th'])
    assert (played.outcome, played.failure[0]) == ("failed", "transport")
