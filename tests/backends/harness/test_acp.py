"""The Agent Client Protocol: what is said to an agent, and what its messages mean; as five agents write them."""

import json
from typing import Any

import pytest

from jido_nb.backends.harness.agent import SessionPlan
from jido_nb.backends.harness.agents.acp import Acp
from jido_nb.backends.harness.process import Exit
from jido_nb.llm.usage import Usage

from .playing import Played, Record, play, run_of

AGENT = Acp()
CAN: Record = {"loadSession": True, "sessionCapabilities": {"resume": {}, "fork": {}}}
INITIALIZED: Record = {
    "id": 0,
    "result": {"agentCapabilities": CAN, "agentInfo": {"name": "some-agent", "version": "1.2"}},
}
OPENED: Record = {"id": 1, "result": {"sessionId": "s-1"}}
USAGE = {"inputTokens": 100, "outputTokens": 17, "cachedReadTokens": 20, "cachedWriteTokens": 0, "totalTokens": 137}
NOTHING_USED = {"quota": {"token_count": {"input_tokens": 0, "output_tokens": 0}}}
RESUMED = SessionPlan("s-1", resume=True)


def update(which: str, session: str = "s-1", **more: Any) -> Record:
    return {"method": "session/update", "params": {"sessionId": session, "update": {"sessionUpdate": which, **more}}}


def said(text: str, **more: Any) -> Record:
    return update("agent_message_chunk", content={"type": "text", "text": text}, **more)


def thought(text: str) -> Record:
    return update("agent_thought_chunk", content={"type": "text", "text": text})


def tool(status: str | None, **more: Any) -> Record:
    known = {} if status is None else {"status": status}
    return update("tool_call_update", toolCallId="t-1", **known, **more)


def done(reason: str = "end_turn", id: int = 2, **more: Any) -> Record:
    return {"id": id, "result": {"stopReason": reason, "usage": USAGE, **more}}


def refused(code: int, message: str, **more: Any) -> Record:
    return {"id": 2, "error": {"code": code, "message": message, **more}}


def asked(kind: str = "execute", *offered: str) -> Record:
    kinds = offered or ("allow_once", "allow_always", "reject_once")
    options = [{"kind": kind, "optionId": f"o-{kind}", "name": kind} for kind in kinds]
    call = {"toolCallId": "t-1", "kind": kind, "title": "touch a", "rawInput": {"command": "touch a"}}
    params = {"sessionId": "s-1", "toolCall": call, "options": options}
    return {"id": 9, "method": "session/request_permission", "params": params}


def played(records: list[Record], **more: Any) -> Played:
    return play(AGENT, run_of(AGENT, **more), [INITIALIZED, OPENED, *records], Exit(0, "exited"))


def test_an_answer_streams() -> None:
    end = played([thought("Hm."), said("Hel", messageId="m"), said("lo.", messageId="m"), done()])
    assert (end.outcome, end.text, end.deltas, end.thoughts) == ("completed", "Hello.", ["Hel", "lo."], ["Hm."])
    assert (end.answer.usage, end.answer.finish_reason) == (Usage(100, 17, 20, 0, None), "end_turn")
    assert {"session_id": "s-1", "version": "1.2"}.items() <= end.answer.metadata.items()


def test_the_answer_is_what_came_after_the_last_tool() -> None:
    end = played(
        [said("I look."), tool("completed"), said("Found", messageId="a"), said(" it.", messageId="b"), done()]
    )
    assert end.text == "Found it."


def test_what_is_said_to_the_agent() -> None:
    end = played([done()], system_prompt="Be brief.")
    first, new, prompt = end.written
    assert all(message["jsonrpc"] == "2.0" for message in end.written)
    assert first["params"]["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
    }
    assert (new["method"], new["params"]) == ("session/new", {"cwd": "/w", "mcpServers": []})
    text = {"type": "text", "text": "Be brief.\n\nhi"}
    assert (prompt["method"], prompt["params"]) == ("session/prompt", {"sessionId": "s-1", "prompt": [text]})


@pytest.mark.parametrize(
    ("can", "session", "method"),
    [
        (CAN, RESUMED, "session/resume"),
        ({"loadSession": True}, RESUMED, "session/load"),
        (CAN, SessionPlan("s-0", resume=True, fork=True), "session/fork"),
    ],
)
def test_a_session_is_resumed_in_the_way_that_the_agent_has(can: Record, session: SessionPlan, method: str) -> None:
    hello = {"id": 0, "result": {"agentCapabilities": can}}
    history = [update("user_message_chunk", content={"type": "text", "text": "old"}), said("Old answer.")]
    end = play(AGENT, run_of(AGENT, session=session), [hello, *history, OPENED, said("New."), done()])
    assert (end.written[1]["method"], end.written[1]["params"]["sessionId"]) == (method, session.id)
    assert (end.deltas, end.decoder.session_id) == (["New."], "s-1")


@pytest.mark.parametrize("session", [RESUMED, SessionPlan("s", resume=True, fork=True)])
def test_a_session_that_cannot_be_resumed_is_refused(session: SessionPlan) -> None:
    end = play(AGENT, run_of(AGENT, session=session), [{"id": 0, "result": {"agentCapabilities": {}}}])
    assert end.failure == ("config", False, None)


@pytest.mark.parametrize(
    ("opened", "method", "params"),
    [
        ({"configOptions": [{"id": "model"}]}, "session/set_config_option", {"configId": "model", "value": "big"}),
        ({"models": {"availableModels": []}}, "session/set_model", {"modelId": "big"}),
    ],
)
def test_the_model_is_set_before_the_prompt(opened: Record, method: str, params: Record) -> None:
    answer = {"id": 1, "result": {"sessionId": "s-1", **opened}}
    run = run_of(AGENT, model="big", settings={"mode": "plan"})
    end = play(
        AGENT, run, [INITIALIZED, answer, {"id": 2, "result": {}}, {"id": 3, "result": {}}, said("Hi"), done(id=4)]
    )
    methods = [message["method"] for message in end.written]
    assert methods == ["initialize", "session/new", method, "session/set_mode", "session/prompt"]
    assert end.written[2]["params"] == {"sessionId": "s-1", **params}
    assert end.text == "Hi"


@pytest.mark.parametrize(
    ("records", "expected", "partial"),
    [
        ([done()], ("transport", True, "truncated_output"), ""),
        ([said(" \n"), done()], ("transport", True, "truncated_output"), " \n"),
        ([thought("Hm."), done()], ("transport", True, "truncated_output"), ""),
        ([said("Hel"), done(usage=None)], ("transport", True, "truncated_output"), "Hel"),
        (
            [said("Hel"), {"id": 2, "result": {"stopReason": "end_turn", "_meta": NOTHING_USED}}],
            ("transport", True, "truncated_output"),
            "Hel",
        ),
        (
            [
                said("Hel", messageId="m"),
                update("session_info_update", _meta={"codex": {"threadStatus": {"type": "systemError"}}}),
                said("unexpected status 529 x: overloaded\n"),
                done(usage=None),
            ],
            ("provider", True, "overloaded"),
            "Hel",
        ),
        ([said("I try."), asked(), tool("failed"), done()], ("config", False, "permission_denied"), "I try."),
        ([said("Hel"), done("max_turn_requests")], ("provider", False, "max_turns"), "Hel"),
        ([done("refusal")], ("provider", False, "refusal"), ""),
    ],
)
def test_an_end_without_a_whole_answer_is_no_success(
    records: list[Record], expected: tuple[str, bool, str], partial: str
) -> None:
    end = played(records)
    assert (end.failure, end.text) == (expected, partial)


def test_an_agent_that_says_nothing_about_usage_is_believed() -> None:
    end = played([said("Hello."), {"id": 2, "result": {"stopReason": "end_turn"}}])
    assert (end.text, end.answer.usage) == ("Hello.", None)


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_another_reason_to_stop_is_told(reason: str) -> None:
    assert played([said("Hel"), done(reason)]).answer.finish_reason == reason


def test_a_canceled_turn() -> None:
    end = played([said("Hel"), done("cancelled", usage=None)])
    assert (end.outcome, end.text) == ("canceled", "Hel")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(-32000, "Authentication required"), ("auth", False, "authentication")),
        (refused(401, '{"error":{"code":401,"message":"no"}}'), ("auth", False, "authentication")),
        (refused(-32603, "Internal error: API Error: 529 x"), ("provider", True, "overloaded")),
        (refused(-32603, "Internal error", data={"errorKind": "rate_limit"}), ("provider", True, "rate_limit")),
        (
            refused(-32603, "Internal error", data={"message": "unexpected status 401 Unauthorized: x"}),
            ("auth", False, "authentication"),
        ),
        (refused(-32603, "Internal error: fake authentication_error"), ("auth", False, "authentication")),
        (refused(-32603, "stream disconnected before completion"), ("transport", True, "connection")),
        (refused(-32002, "Resource not found: s-1"), ("config", False, "unknown_session")),
        (refused(-32603, "No previous sessions found for this project."), ("config", False, "unknown_session")),
        (refused(-32601, "Method not found"), ("config", False, "not_supported")),
        (refused(-32603, "Internal error"), ("unknown", False, "unknown")),
    ],
)
def test_an_error_has_its_category(error: Record, expected: tuple[str, bool, str]) -> None:
    assert played([error]).failure == expected


def test_an_error_that_is_told_as_text_too_is_no_answer() -> None:
    words = "API Error: 529 overloaded."
    end = played([said("Hel", messageId="a"), said(words, messageId="b"), refused(-32603, f"Internal error: {words}")])
    assert (end.text, end.retractions) == ("Hel", [(3, 0)])


def test_a_tool_goes_through_its_states() -> None:
    end = played(
        [
            update("tool_call", toolCallId="t-1", title="echo hi", kind="execute", status="pending"),
            tool("in_progress", rawInput={"command": "echo hi"}),
            tool(None, title="still echo hi"),
            tool("completed", content=[{"type": "content", "content": {"type": "text", "text": "hi"}}]),
            said("Done."),
            done(),
        ]
    )
    asked = {"command": "echo hi"}
    assert end.tools == [
        ("execute", "pending", {"title": "echo hi"}, None),
        ("execute", "running", asked, None),
        ("execute", "completed", asked, "hi"),
    ]


@pytest.mark.parametrize(
    ("settings", "request_", "answer", "status"),
    [
        ({}, asked(), {"outcome": "selected", "optionId": "o-reject_once"}, "denied"),
        ({}, asked("execute", "allow_once"), {"outcome": "cancelled"}, "denied"),
        ({"allowed_tools": ["read"]}, asked(), {"outcome": "selected", "optionId": "o-reject_once"}, "denied"),
        ({"allowed_tools": ["execute"]}, asked(), {"outcome": "selected", "optionId": "o-allow_once"}, "running"),
        ({"permission_mode": "allow"}, asked(), {"outcome": "selected", "optionId": "o-allow_once"}, "running"),
    ],
)
def test_consent_is_refused_unless_the_settings_give_it(
    settings: dict[str, Any], request_: Record, answer: Record, status: str
) -> None:
    end = played([request_, said("Well."), done()], settings=settings)
    assert end.written[-1] == {"jsonrpc": "2.0", "id": 9, "result": {"outcome": answer}}
    assert end.tools == [("execute", status, {"command": "touch a"}, None)]


@pytest.mark.parametrize("method", ["fs/read_text_file", "terminal/create"])
def test_a_request_that_is_not_supported_is_answered_too(method: str) -> None:
    end = played([{"id": 5, "method": method, "params": {}}, said("Well."), done()])
    assert (end.written[-1]["id"], end.written[-1]["error"]["code"]) == (5, -32601)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (USAGE, Usage(100, 17, 20, 0, None)),
        (
            {"inputTokens": 100, "outputTokens": 17, "thoughtTokens": 5, "totalTokens": 117},
            Usage(100, 17, None, None, 5),
        ),
        (
            {"inputTokens": 100, "outputTokens": 12, "thoughtTokens": 5, "totalTokens": 117},
            Usage(100, 17, None, None, 5),
        ),
    ],
)
def test_thoughts_are_part_of_the_output_whichever_way_they_are_counted(told: Record, usage: Usage) -> None:
    assert played([said("Hi"), done(usage=told)]).answer.usage == usage


def test_the_cost_is_that_of_the_turn() -> None:
    first = played([update("usage_update", cost={"amount": 0.2, "currency": "USD"}), said("1"), done()])
    plan = SessionPlan("s-1", resume=True, totals=first.decoder.session_totals)
    second = played([update("usage_update", cost={"amount": 0.5, "currency": "USD"}), said("2"), done()], session=plan)
    assert [end.answer.cost and round(end.answer.cost.amount, 6) for end in (first, second)] == [0.2, 0.3]


def test_the_interrupt_names_the_session_once_there_is_a_turn() -> None:
    assert AGENT.decoder(run_of(AGENT)).interrupt() is None
    words = played([said("Hel")]).decoder.interrupt()
    assert words is not None
    assert json.loads(words) == {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s-1"}}


@pytest.mark.parametrize(
    "odd", [update("new_kind"), {"method": "new/method", "params": {}}, update("tool_call"), said("x", session="other")]
)
def test_an_unknown_message_harms_nothing(odd: Record) -> None:
    end = played([odd, said("Hello."), done()])
    assert (end.outcome, end.text) == ("completed", "Hello.")
