"""What Gemini CLI is told, and what its records mean. Records as 0.61.0 writes them, shortened."""

import json
from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.gemini import Gemini
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import LLMError
from jido_nb.llm.usage import Usage

from .playing import Played, Record, play, run_of

AGENT = Gemini()
INIT: Record = {"type": "init", "session_id": "s-1", "model": "gemini-2.5-flash"}
USER: Record = {"type": "message", "role": "user", "content": "hi"}
NOISE = "[STARTUP] Phase 'x' not found\nWarning: 256-color support not detected.\n    at throw (file:1:2)\n"


def said(text: str) -> Record:
    return {"type": "message", "role": "assistant", "content": text, "delta": True}


def use(id: str = "t-1") -> Record:
    return {"type": "tool_use", "tool_name": "run_shell_command", "tool_id": id, "parameters": {"command": "ls"}}


def used(status: str = "success", **more: Any) -> Record:
    return {"type": "tool_result", "tool_id": "t-1", "status": status, **more}


def stats(times: int = 1, **models: Any) -> dict[str, Any]:
    counts = {"total_tokens": 142, "input_tokens": 120, "output_tokens": 17, "cached": 20, "input": 100}
    return {**{name: count * times for name, count in counts.items()}, "models": models or {"gemini-2.5-flash": {}}}


def done(times: int = 1) -> Record:
    return {"type": "result", "status": "success", "stats": stats(times)}


def failed(message: str | None) -> Record:
    error = {} if message is None else {"error": {"type": "unknown", "message": message}}
    return {"type": "result", "status": "error", **error, "stats": stats(0)}


def api_error(status: int, message: str = "no") -> str:
    return f"[API Error: {json.dumps({'error': {'code': status, 'message': message, 'status': 'X'}})}]"


def played(records: list[Record], code: int = 0, stderr: str = NOISE, **more: Any) -> Played:
    return play(AGENT, run_of(AGENT, **more), records, Exit(code, "exited", 0, stderr))


def test_an_answer_streams() -> None:
    end = played([INIT, USER, said("Hel"), said("lo."), done()])
    assert (end.outcome, end.text, end.deltas) == ("completed", "Hello.", ["Hel", "lo."])
    assert (end.answer.model, end.answer.usage) == ("gemini-2.5-flash", Usage(100, 22, 20, None, 5))
    assert end.answer.metadata["session_id"] == "s-1"


def test_the_answer_is_what_came_after_the_last_tool() -> None:
    end = played([INIT, said("I look."), use(), used(output="a.py"), said("Found."), done(2)])
    assert (end.text, end.deltas) == ("Found.", ["I look.", "Found."])
    assert end.answer.usage == Usage(200, 44, 40, None, 10)


def test_an_answer_that_ends_with_a_tool_is_all_that_was_said() -> None:
    assert played([INIT, said("I do it."), use(), used(), done()]).text == "I do it."


@pytest.mark.parametrize(
    ("record", "status", "output"),
    [
        (used(output="hi"), "completed", "hi"),
        (used(output="Command exited with code: 1"), "completed", "Command exited with code: 1"),
        (used("error", error={"type": "invalid_tool_params", "message": "not there"}), "failed", "not there"),
    ],
)
def test_a_tool_runs_and_ends(record: Record, status: str, output: str) -> None:
    end = played([INIT, use(), record, said("Done."), done()])
    name, asked = "run_shell_command", {"command": "ls"}
    assert end.tools == [(name, "running", asked, None), (name, status, asked, output)]


def test_a_warning_ends_nothing() -> None:
    end = played([INIT, {"type": "error", "severity": "error", "message": "Loop detected"}, said("Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")


@pytest.mark.parametrize(
    ("record", "code", "expected", "status"),
    [
        (failed(api_error(401)), 145, ("auth", False, "authentication"), 401),
        (failed(api_error(403)), 147, ("auth", False, "authentication"), 403),
        (failed(api_error(404)), 148, ("config", False, "model_not_found"), 404),
        (failed(api_error(400, "prompt is too long")), 144, ("provider", False, "context_length"), 400),
        (failed(api_error(422)), 166, ("provider", False, "invalid_request"), 422),
        (failed(api_error(502, "<html>")), 246, ("provider", True, "overloaded"), 502),
        (failed("[API Error: no]"), 173, ("provider", True, "rate_limit"), 429),
        (failed("[API Error: no]"), 247, ("provider", True, "overloaded"), 503),
        (failed("[API Error: no]"), 17, ("provider", True, "overloaded"), 529),
        (failed("[API Error: exception TypeError: fetch failed]"), 1, ("transport", True, "connection"), None),
        (failed("[API Error: Expected '}' in JSON at position 1]"), 1, ("transport", True, "malformed_response"), None),
        (failed("[API Error: odd]"), 1, ("unknown", False, "unknown"), None),
        (failed(None), 53, ("provider", False, "max_turns"), None),
    ],
)
def test_a_failed_run_has_its_category(
    record: Record, code: int, expected: tuple[str, bool, str], status: int | None
) -> None:
    end = played([INIT, USER, record], code)
    assert end.failure == expected
    assert (end.problem.status, end.problem.details["session_id"]) == (status, "s-1")


def test_a_broken_stream_is_a_failure_though_the_exit_code_is_0() -> None:
    warning = {"type": "error", "severity": "error", "message": "Model stream ended without a finish reason."}
    end = played([INIT, said("Hel"), warning, failed(None)])
    assert (end.failure, end.text) == (("transport", True, "truncated_output"), "Hel")
    assert end.problem.details["truncated"] is True


def test_the_message_of_the_api_is_shown_without_its_wrapping() -> None:
    assert played([INIT, failed(api_error(401, "bad key"))], 145).problem.message == "bad key"


def test_a_wait_that_is_asked_for_is_told() -> None:
    end = played([INIT, failed("[API Error: busy\nSuggested retry after 1.5s.]\nPlease wait")], 173)
    assert end.problem.retry_after_ms == 1500


@pytest.mark.parametrize(
    ("records", "code", "stderr", "expected"),
    [
        ([], 0, NOISE, ("transport", True, None)),
        ([INIT, USER, said("Hel")], 0, NOISE, ("transport", True, None)),
        ([INIT, said("Hello."), done()], 1, NOISE, ("transport", True, None)),
        ([INIT], -9, NOISE, ("transport", True, None)),
        ([], 41, "Invalid auth method selected.", ("auth", False, "authentication")),
        ([], 42, "Error resuming session: No previous sessions found.", ("config", False, "unknown_session")),
        ([], 42, "No input provided via stdin.", ("config", False, "invalid_input")),
        ([], 55, "not running in a trusted directory", ("config", False, "untrusted_folder")),
        ([], 1, "Unknown arguments: such-flag\nUsage: gemini", ("config", False, None)),
    ],
)
def test_an_ending_without_success_is_a_failure(
    records: list[Record], code: int, stderr: str, expected: tuple[str, bool, str | None]
) -> None:
    assert played(records, code, stderr).failure == expected


@pytest.mark.parametrize("record", [{"type": "new"}, {"type": "message"}, {"type": "tool_use"}, {"odd": 1}])
def test_an_unknown_record_harms_nothing(record: Record) -> None:
    end = played([INIT, record, said("Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")


def test_a_line_that_is_no_json_is_counted() -> None:
    end = play(AGENT, run_of(AGENT), [INIT, b"Debug: x", said("Hello."), done()])
    assert end.answer.metadata["provider_events"] == {"no JSON": 1}


BASE = ["--output-format", "stream-json"]


@pytest.mark.parametrize(
    ("more", "argv"),
    [
        ({}, [*BASE, "--approval-mode", "default"]),
        ({"model": "gemini-2.5-flash"}, [*BASE, "-m", "gemini-2.5-flash", "--approval-mode", "default"]),
        ({"session": SessionPlan("s")}, [*BASE, "--approval-mode", "default", "--session-id", "s"]),
        ({"session": SessionPlan("s", resume=True)}, [*BASE, "--approval-mode", "default", "--resume", "s"]),
        ({"settings": {"permission_mode": "plan", "args": ["-e", "x"]}}, [*BASE, "--approval-mode", "plan", "-e", "x"]),
        ({"settings": {"allowed_tools": ["a", "b"]}}, [*BASE, "--approval-mode", "default", "--allowed-tools=a,b"]),
    ],
)
def test_the_command(more: dict[str, Any], argv: list[str]) -> None:
    run = run_of(AGENT, prompt="-p hi", **more)
    assert (AGENT.argv(run), AGENT.stdin(run)) == (argv, b"-p hi")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"settings": {"permission_mode": "yes"}}, "auto_edit"),
        ({"settings": {"max_turns": 2}}, "max_turns"),
        ({"session": SessionPlan("s", resume=True, fork=True)}, "fork"),
    ],
)
def test_what_gemini_cannot_do_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(LLMError, match=words) as error:
        AGENT.argv(run_of(AGENT, **more))
    assert error.value.category == "config"


def test_a_session_is_told_the_system_prompt_once_and_again_when_it_changes() -> None:
    first = run_of(AGENT, system_prompt="Be brief.", session=SessionPlan("s"))
    assert AGENT.stdin(first) == b"Be brief.\n\nhi"
    plan = SessionPlan("s", resume=True, totals=AGENT.decoder(first).session_totals)
    assert AGENT.stdin(run_of(AGENT, system_prompt="Be brief.", session=plan)) == b"hi"
    assert AGENT.stdin(run_of(AGENT, system_prompt="Be long.", session=plan)) == b"Be long.\n\nhi"


def test_a_run_never_asks_and_never_reports_home() -> None:
    environment = AGENT.environment(run_of(AGENT))
    assert environment["GEMINI_TELEMETRY_ENABLED"] == "false"
    assert environment["GEMINI_CLI_NO_RELAUNCH"] == "true"


def spoken(*pieces: tuple[float, str]) -> list[Record]:
    """Pieces of an answer, each at a second of one minute."""
    return [
        {
            "type": "message",
            "role": "assistant",
            "content": text,
            "delta": True,
            "timestamp": f"2026-11-20T10:44:{at:06.3f}Z",
        }
        for at, text in pieces
    ]


LONG = "This is the beginning of an answer that is long"
REPEATED: dict[str, tuple[list[tuple[float, str]], str, int]] = {
    "the answer begins again": (
        [(0, "Hello"), (0.1, " from"), (0.2, " the"), (1.3, "Hello"), (1.4, " from"), (1.5, " the"), (1.6, " model.")],
        "Hello from the model.",
        1,
    ),
    "twice": (
        [(0, "Hello"), (0.1, " from"), (1.2, "Hello"), (1.3, " from"), (3.4, "Hello"), (3.5, " from me.")],
        "Hello from me.",
        2,
    ),
    "in one longer piece": ([(0, "Hello from"), (1.3, "Hello from the model.")], "Hello from the model.", 1),
    "a long one that goes another way in the end": (
        [(0, LONG), (0.1, " and dull."), (1.4, LONG), (1.5, " and good.")],
        f"{LONG} and good.",
        1,
    ),
    "a pause is none": ([(0, "Hello from"), (5, " the model.")], "Hello from the model.", 0),
    "other words after a pause": ([(0, "Hello from"), (5, "Hello to")], "Hello fromHello to", 0),
    "the same words without a pause": ([(0, "Hello from"), (0.1, "Hello from")], "Hello fromHello from", 0),
    "too short to tell": ([(0, "Ha! "), (2, "Ha! ")], "Ha! Ha! ", 0),
}


@pytest.mark.parametrize("case", REPEATED)
def test_what_is_said_again_after_a_broken_stream_takes_the_place_of_what_was_said(case: str) -> None:
    pieces, text, times = REPEATED[case]
    end = play(AGENT, run_of(AGENT), [INIT, *spoken(*pieces), done()])
    assert (end.answer.text, len(end.retries), len(end.retractions)) == (text, times, times)
    assert end.retractions == [(0, 0)] * times


def test_a_record_without_a_time_is_never_a_repetition() -> None:
    records = [{**record, "timestamp": None} for record in spoken((0, "Hello from"), (5, "Hello from"))]
    assert play(AGENT, run_of(AGENT), [INIT, *records, done()]).answer.text == "Hello fromHello from"
