"""What `codex app-server` is told, and what it tells. Messages as 0.169.0 writes them, shortened."""

from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.codex_app_server import CodexAppServer, CodexAppServerDecoder
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.error import LLMError
from jido_nb.llm.usage import Usage

from .playing import Played, Record, play, run_of

AGENT = CodexAppServer()
INITIALIZED: Record = {"id": 1, "result": {"userAgent": "jido_nb/0.169.0"}}
OPENED: Record = {"id": 2, "result": {"thread": {"id": "th", "cwd": "/w", "cliVersion": "0.169.0"}, "model": "gpt-5.5"}}
TURN: Record = {"id": 3, "result": {"turn": {"id": "tu", "status": "inProgress"}}}
HELLO = [INITIALIZED, OPENED, TURN]
RESUMED = SessionPlan("th", resume=True)


def note(method: str, **params: Any) -> Record:
    return {"method": method, "params": {"threadId": "th", "turnId": "tu", **params}}


def began(id: str, kind: str = "agentMessage", **more: Any) -> Record:
    return note("item/started", item={"type": kind, "id": id, **more})


def ended(id: str, text: str) -> Record:
    return note("item/completed", item={"type": "agentMessage", "id": id, "text": text})


def delta(id: str, text: str) -> Record:
    return note("item/agentMessage/delta", itemId=id, delta=text)


def thought(id: str, text: str) -> Record:
    return note("item/reasoning/summaryTextDelta", itemId=id, delta=text, summaryIndex=0)


def message(id: str, *texts: str) -> list[Record]:
    return [began(id, text=""), *(delta(id, text) for text in texts), ended(id, "".join(texts))]


def tokens(times: int, last: int = 1, turn: str = "tu") -> Record:
    def figures(count: int) -> dict[str, int]:
        known = {"input": 120, "cachedInput": 20, "cacheWriteInput": 0, "output": 17, "reasoningOutput": 5}
        return {f"{name}Tokens": number * count for name, number in known.items()}

    usage = {"total": figures(times), "last": figures(last), "modelContextWindow": 258400}
    return note("thread/tokenUsage/updated", turnId=turn, tokenUsage=usage)


def done(status: str = "completed", error: Record | None = None) -> Record:
    return note("turn/completed", turn={"id": "tu", "status": status, "error": error, "items": []})


def failure(words: str, code: Any, details: str | None = None) -> Record:
    return {"message": words, "codexErrorInfo": code, "additionalDetails": details}


def again(attempt: int, code: Any, details: str) -> Record:
    return note("error", error=failure(f"Reconnecting... {attempt}/2", code, details), willRetry=True)


DROPPED = again(1, {"responseStreamDisconnected": {"httpStatusCode": None}}, "stream disconnected: x")


def command(state: str, **more: Any) -> Record:
    known = {"type": "commandExecution", "id": "call", "command": "ls", "cwd": "/w", "status": "inProgress"}
    return note(f"item/{state}", item={**known, "aggregatedOutput": None, "exitCode": None, **more})


def played(records: list[Record], exit: Exit | None = None, **more: Any) -> Played:
    return play(AGENT, run_of(AGENT, **more), [*HELLO, *records], exit or Exit(0, "exited"))


def test_an_answer_streams() -> None:
    end = played([*message("m1", "Hel", "lo."), tokens(1), done()])
    assert (end.outcome, end.text, end.deltas) == ("completed", "Hello.", ["Hel", "lo."])
    assert (end.answer.usage, end.answer.model) == (Usage(100, 17, 20, 0, 5), "gpt-5.5")
    assert {"session_id": "th", "version": "0.169.0", "cwd": "/w"}.items() <= end.answer.metadata.items()
    assert "provider_events" not in end.answer.metadata


@pytest.mark.parametrize(
    ("session", "method", "more"),
    [
        (SessionPlan(), "thread/start", {}),
        (RESUMED, "thread/resume", {"threadId": "th", "excludeTurns": True}),
        (SessionPlan("th", resume=True, fork=True), "thread/fork", {"threadId": "th", "excludeTurns": True}),
    ],
)
def test_the_conversation_that_leads_to_a_turn(session: SessionPlan, method: str, more: dict[str, Any]) -> None:
    end = played([done()], session=session, model="gpt-5.5", system_prompt="Be brief.")
    first, initialized, thread, turn = end.written
    assert first["method"] == "initialize"
    assert first["params"]["capabilities"] == {"experimentalApi": True}
    assert initialized == {"method": "initialized"}
    assert thread["method"] == method
    settings = {"cwd": "/w", "sandbox": "read-only", "approvalPolicy": "never", "model": "gpt-5.5"}
    assert thread["params"] == {**settings, "developerInstructions": "Be brief.", **more}
    assert turn["method"] == "turn/start"
    assert turn["params"] == {"threadId": "th", "input": [{"type": "text", "text": "hi"}]}


def test_thinking_streams_and_is_not_told_twice() -> None:
    end_of_thought = note("item/completed", item={"type": "reasoning", "id": "r", "summary": ["Let me see."]})
    end = played([began("r", "reasoning"), thought("r", "Let me"), thought("r", " see."), end_of_thought, done()])
    assert end.thoughts == ["Let me", " see."]


def test_whole_items_count_where_no_delta_came() -> None:
    whole = note("item/completed", item={"type": "reasoning", "id": "r", "summary": ["One.", "Two."]})
    end = played([whole, ended("m", "Hello."), done()])
    assert (end.thoughts, end.deltas) == (["One.\n\nTwo."], ["Hello."])


def test_the_completed_item_is_the_authority() -> None:
    end = played([began("m"), delta("m", "Helo"), ended("m", "Hello."), done()])
    assert (end.retractions, end.text) == ([(0, 0)], "Hello.")


def test_the_last_message_is_the_answer() -> None:
    end = played([*message("m1", "I look."), command("started"), *message("m2", "Found."), done()])
    assert (end.text, end.retractions) == ("Found.", [])


@pytest.mark.parametrize("announced", [True, False])
def test_an_item_that_never_completes_is_taken_back_when_the_next_one_begins(announced: bool) -> None:
    records = [*message("m1", "Kept."), began("m2"), delta("m2", "Hel"), *([DROPPED] if announced else [])]
    end = played([*records, *message("m3", "Hello."), done()])
    assert end.retractions == [(5, 0)]
    assert (end.text, len(end.retries)) == ("Hello.", int(announced))


def test_what_a_failed_attempt_had_said_stays_as_partial_text() -> None:
    end = played([began("m"), delta("m", "Hel"), DROPPED, done("failed", failure("stream disconnected", "other"))])
    assert (end.failure, end.text) == (("transport", True, "connection"), "Hel")


@pytest.mark.parametrize(
    ("code", "details", "category", "status"),
    [
        ({"responseStreamDisconnected": {"httpStatusCode": 401}}, "unexpected status 401 x", "auth", 401),
        ({"responseStreamDisconnected": {"httpStatusCode": None}}, "stream disconnected", "transport", None),
        ("serverOverloaded", "busy", "provider", None),
    ],
)
def test_a_retry_is_told_with_its_cause(code: Any, details: str, category: str, status: int | None) -> None:
    (retry,) = played([again(2, code, details), *message("m", "Hi"), done()]).retries
    assert (retry.attempt, retry.max_attempts, retry.category, retry.status) == (2, 2, category, status)
    assert retry.reason == details


def test_an_error_that_will_not_be_retried_does_not_end_the_turn() -> None:
    told = note("error", error=failure("unexpected status 401 x", "other"), willRetry=False)
    end = played([told, *message("m", "Hello."), done()])
    assert (end.outcome, end.text, end.retries) == ("completed", "Hello.", [])


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failure("x", {"httpConnectionFailed": {"httpStatusCode": 401}}), ("auth", False, "authentication")),
        (failure("x", {"responseTooManyFailedAttempts": {"httpStatusCode": 429}}), ("provider", True, "rate_limit")),
        (failure("x", {"httpConnectionFailed": {"httpStatusCode": None}}), ("transport", True, "connection")),
        (failure("x", {"responseStreamConnectionFailed": {"httpStatusCode": 503}}), ("provider", True, "overloaded")),
        (failure("x", "contextWindowExceeded"), ("provider", False, "context_length")),
        (failure("x", "usageLimitExceeded"), ("provider", False, "quota")),
        (failure("x", "unauthorized"), ("auth", False, "authentication")),
        (failure("x", "modelNotFound"), ("config", False, "model_not_found")),
        (failure("x", "badRequest"), ("provider", False, "invalid_request")),
        (failure("stream disconnected before completion: x", "other"), ("transport", True, "connection")),
        (failure("odd", "other"), ("unknown", False, "unknown")),
        (None, ("unknown", False, "unknown")),
    ],
)
def test_a_failed_turn_has_its_category(error: Record | None, expected: tuple[str, bool, str]) -> None:
    assert played([done("failed", error)]).failure == expected


def test_a_tool_runs_and_ends() -> None:
    end = played(
        [
            command("started"),
            note("item/commandExecution/outputDelta", itemId="call", delta="hi"),
            command("completed", status="completed", aggregatedOutput="hi\n", exitCode=0),
            *message("m", "Done."),
            done(),
        ]
    )
    asked = {"command": "ls", "cwd": "/w"}
    assert end.tools == [("shell", "running", asked, None), ("shell", "completed", asked, "hi\n")]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("item/commandExecution/requestApproval", {"decision": "decline"}),
        ("item/fileChange/requestApproval", {"decision": "decline"}),
        ("item/permissions/requestApproval", {"permissions": {}}),
        ("execCommandApproval", {"decision": "denied"}),
        ("mcpServer/elicitation/request", {"action": "decline"}),
    ],
)
def test_what_needs_consent_is_declined(method: str, answer: Record) -> None:
    request = {"method": method, "id": 0, "params": {"threadId": "th", "turnId": "tu", "itemId": "call"}}
    end = played([command("started"), request, *message("m", "Then not."), done()])
    assert end.written[-1] == {"id": 0, "result": answer}
    assert [status for _, status, *_ in end.tools] == ["running", "denied"]


def test_a_request_that_is_not_known_is_answered_too() -> None:
    end = played([{"method": "item/tool/call", "id": 7, "params": {}}, *message("m", "Hi"), done()])
    assert end.written[-1]["id"] == 7
    assert end.written[-1]["error"]["code"] == -32601


def test_usage_is_that_of_the_turn() -> None:
    end = played([tokens(3, turn="earlier"), tokens(4), tokens(5), *message("m", "Hi"), done()], session=RESUMED)
    assert end.answer.usage == Usage(200, 34, 40, 0, 10)


def test_usage_is_that_of_the_turn_also_when_nobody_told_where_it_began() -> None:
    end = played([tokens(4), tokens(5), *message("m", "Hi"), done()], session=RESUMED)
    assert end.answer.usage == Usage(200, 34, 40, 0, 10)


def test_what_another_thread_tells_is_no_part_of_the_answer() -> None:
    other = {**delta("x", "Psst."), "params": {**delta("x", "Psst.")["params"], "threadId": "sub"}}
    over = {**done(), "params": {**done()["params"], "threadId": "sub"}}
    end = played([began("m"), other, over, *message("m", "Hello.")[1:], done()])
    assert (end.text, end.deltas, end.retractions) == ("Hello.", ["Hello."], [])


def test_the_interrupt_names_the_turn_and_ends_its_commands() -> None:
    end = played([command("started")])
    assert isinstance(end.decoder, CodexAppServerDecoder)
    words = end.decoder.interrupt()
    assert words is not None
    interrupt, clean, rest = words.split(b"\n")
    assert b'"turn/interrupt", "params": {"threadId": "th", "turnId": "tu"}' in interrupt
    assert b"thread/backgroundTerminals/clean" in clean
    assert rest == b""
    assert end.decoder.replies() == []


def test_an_interrupted_turn_is_canceled() -> None:
    assert played([began("m"), delta("m", "Hel"), done("interrupted")]).outcome == "canceled"


def test_before_there_is_a_turn_there_is_nothing_to_interrupt() -> None:
    assert AGENT.decoder(run_of(AGENT)).interrupt() is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"code": -32600, "message": "no rollout found for thread id 0"}, ("config", False, "unknown_session")),
        ({"code": -32603, "message": "odd"}, ("unknown", False, "unknown")),
    ],
)
def test_an_error_for_an_answer_ends_the_run(answer: Record, expected: tuple[str, bool, str]) -> None:
    end = play(AGENT, run_of(AGENT, session=RESUMED), [INITIALIZED, {"id": 2, "error": answer}])
    assert end.failure == expected


def test_an_answer_that_nobody_can_read_ends_the_run() -> None:
    end = play(AGENT, run_of(AGENT), [INITIALIZED, {"id": 2, "result": {"thread": None}}])
    assert end.failure == ("provider", True, None)


def test_an_ending_without_turn_completed_is_a_failure() -> None:
    end = played(message("m", "Hello."))
    assert (end.failure, end.text) == (("transport", True, None), "Hello.")


@pytest.mark.parametrize(
    "record",
    [note("new/thing"), {"id": 99, "result": {}}, {"odd": 1}, note("item/completed"), note("error", error=None)],
)
def test_an_unknown_message_harms_nothing(record: Record) -> None:
    end = played([record, *message("m", "Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")


def test_the_command() -> None:
    run = run_of(AGENT, settings={"args": ["--enable", "x"]})
    argv = ["app-server", "-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false", "--enable", "x"]
    assert AGENT.argv(run) == argv
    assert AGENT.stdin(run) == b""
    assert AGENT.stdin_stays_open


def test_no_reader_can_take_a_prompt_for_two_lines_or_stumble_over_half_a_character() -> None:
    decoder = AGENT.decoder(run_of(AGENT, prompt="é\u2028🎉\ud800"))
    decoder.opening()
    for record in (INITIALIZED, OPENED):
        decoder.decode(record)
    (*_, word) = decoder.replies()
    assert "é\\u2028🎉?".encode() in word


def test_a_mode_that_codex_has_not_is_refused_before_anything_starts() -> None:
    with pytest.raises(LLMError, match="workspace-write"):
        AGENT.argv(run_of(AGENT, settings={"permission_mode": "workspace"}))
