"""The OpenAI wire: what the simulator says is what the service, or one of those who imitate it, would say."""

import json
from typing import Any

import pytest

from jido_nb.simulator.asked import Asked, Said
from jido_nb.simulator.dialect import Dialect
from jido_nb.simulator.openai import OPENAI
from jido_nb.simulator.scenario import Answer, Scenario, Status, Tokens
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Ping, RedactedThinking, Reset, StreamError, Text, Thinking, ToolUse, Truncate, Wait
from jido_nb.simulator.wire import Refusal

USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
ASKED = Asked("m", True, (Said("user", "hello"),), None, 5, USAGE)
RICH = Answer(
    (
        Thinking.of("let me think"),
        RedactedThinking("secret"),
        Text(("Hi ", "\u2028 thé\n\n", "data: x")),
        ToolUse.of("web_search", {"query": "x"}, id="srv_1", server=True),
        ToolUse.of("get_weather", {"city": "Lisbon", "days": [1, 2]}, id="c1"),
        ToolUse.of("get_time", {}, id="c2"),
        Text(()),
    ),
    tokens=Tokens(input=10, output=20, cache_read=3, cache_write=4, thinking=5),
)


def chunks(answer: Answer, asked: Asked = ASKED) -> list[Any]:
    blob = b"".join(op for op in OPENAI.stream(answer, asked, "req_1") if isinstance(op, bytes))
    events = [event.removeprefix(b"data: ") for event in blob.split(b"\n\n") if event and not event.startswith(b":")]
    return [event if event == b"[DONE]" else json.loads(event) for event in events]


def deltas(answer: Answer) -> list[dict[str, Any]]:
    return [
        chunk["choices"][0]["delta"]
        for chunk in chunks(answer)
        if chunk != b"[DONE]" and chunk["choices"] and chunk["choices"][0]["delta"]
    ]


def test_a_stream_is_role_content_reason_usage_and_done() -> None:
    told = chunks(RICH)
    assert told[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert {chunk["object"] for chunk in told[:-1]} == {"chat.completion.chunk"}
    assert told[-3]["choices"][0]["finish_reason"] == "tool_calls"
    assert told[-2]["choices"] == []
    assert told[-2]["usage"] == {
        "prompt_tokens": 17,
        "completion_tokens": 20,
        "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert told[-1] == b"[DONE]"
    assert all(chunk["usage"] is None for chunk in told[:-2])


def test_usage_comes_only_when_it_is_asked_for() -> None:
    told = chunks(RICH, Asked("m", True, (), None, 5, {}))
    assert not any("usage" in chunk for chunk in told[:-1])


def test_both_modes_say_the_same() -> None:
    body = json.loads(OPENAI.whole(RICH, ASKED, "req_1"))
    message = body["choices"][0]["message"]
    assert "".join(delta.get("content") or "" for delta in deltas(RICH)) == message["content"] == RICH.text
    assert "".join(delta.get("reasoning_content", "") for delta in deltas(RICH)) == message["reasoning_content"]
    pieces = [piece for delta in deltas(RICH) for piece in delta.get("tool_calls", ())]
    for index, call in enumerate(message["tool_calls"]):
        mine = [piece for piece in pieces if piece["index"] == index]
        assert (mine[0]["id"], mine[0]["function"]["name"]) == (call["id"], call["function"]["name"])
        assert "".join(piece["function"]["arguments"] for piece in mine) == call["function"]["arguments"]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather", "get_time"]
    assert body["usage"] == chunks(RICH)[-2]["usage"]
    assert (body["id"], body["object"], body["model"]) == ("chatcmpl-1", "chat.completion", "m")


@pytest.mark.parametrize(
    ("said", "means"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"), ("strange", "strange")],
)
def test_reasons_to_stop_have_openais_names(said: str, means: str) -> None:
    answer = Answer.of("x")
    whole = json.loads(OPENAI.whole(Answer(answer.steps, stop_reason=said), ASKED, "r"))
    assert whole["choices"][0]["finish_reason"] == means


def spoken(**dialect: Any) -> list[Any]:
    return chunks(Answer(RICH.steps, dialect=Dialect(**dialect)))


def test_each_part_of_a_dialect_shows() -> None:
    assert "role" not in spoken(role=False)[0]["choices"][0]["delta"]
    assert spoken(done=False)[-1] != b"[DONE]"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in spoken(finish_reason=False)[:-2])
    assert not any(chunk.get("usage") for chunk in spoken(usage="never")[:-1])
    assert spoken(usage="finish")[-2]["usage"]["total_tokens"]
    assert spoken(usage="finish")[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert None in [chunk["choices"][0]["delta"] for chunk in spoken(nulls=True)[:-2]]
    assert [spoken(empty_choices=True)[index]["choices"] for index in (0, -3)] == [[], []]
    assert any("reasoning" in (chunk["choices"][0]["delta"] or {}) for chunk in spoken(reasoning="reasoning")[:-2])
    whole = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in spoken(tool_pieces=False)[:-2]]
    assert [json.loads(call[0]["function"]["arguments"]) for call in whole if call] == [
        {"city": "Lisbon", "days": [1, 2]},
        {},
    ]
    pieces = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in spoken(tool_index=False)[:-2]]
    assert {piece[0]["index"] for piece in pieces if piece} == {0}


def test_waits_pings_and_faults_stand_where_the_scenario_puts_them() -> None:
    answer = Answer((Text(("a", Ping(), Wait(5), "b", Reset(), "c"), pause_ms=1),), split=True)
    ops = list(OPENAI.stream(answer, ASKED, "r"))
    assert [type(op).__name__ for op in ops] == ["bytes", "Wait", "bytes", "bytes", "Wait", "Wait", "bytes", "Reset"]
    assert ops[3] == OPENAI.ping


@pytest.mark.parametrize(
    ("kind", "type_", "code"),
    [
        ("overloaded_error", "server_error", None),
        ("rate_limit_error", "requests", "rate_limit_exceeded"),
        ("authentication_error", "invalid_request_error", "invalid_api_key"),
        ("insufficient_quota", "insufficient_quota", None),
    ],
)
def test_an_error_in_the_stream_has_openais_form(kind: str, type_: str, code: str | None) -> None:
    ops = list(
        OPENAI.stream(
            Answer(
                (
                    Text(
                        ("a", StreamError(kind, "no")),
                    ),
                )
            ),
            ASKED,
            "r",
        )
    )
    assert isinstance(ops[-1], Truncate)
    assert isinstance(ops[-2], bytes)
    error = json.loads(ops[-2].removeprefix(b"data: "))["error"]
    assert error == {"message": "no", "type": type_, "param": None, "code": code}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "parse"),
        ("[]", "object"),
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": ["x"]}, "role"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"messages": [{"role": "user", "content": []}]}, "content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool_call_id"),
    ],
)
def test_what_the_service_would_refuse_is_refused(body: Any, says: str) -> None:
    usual = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    raw = body if isinstance(body, str) else json.dumps({**usual, **body} if body else body)
    with pytest.raises(Refusal, match=says) as caught:
        OPENAI.read(raw.encode())
    assert caught.value.status == 400


def test_a_conversation_is_read_with_its_system_messages_apart() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "see "}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "ok"},
    ]
    asked = OPENAI.read(json.dumps({"model": "m", "messages": messages}).encode())
    assert asked.system == "Be brief."
    assert [(said.role, said.text) for said in asked.messages] == [
        ("user", "see [image_url]"),
        ("assistant", "[tool_call f]"),
        ("tool", "ok"),
    ]
    assert not asked.stream


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_models_speak_both_protocols(stream: bool, client: Any) -> None:
    async with serve() as server, client(server.url) as http:
        server.add("busy", Scenario.always(Status(429, retry_after_s=2)))
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": stream}
        answer = await http.post("/v1/chat/completions", json={**body, "model": "echo"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "req_sim_000001"
        assert ("event-stream" in answer.headers["content-type"]) == stream
        for model, status in [("busy", 429), ("nowhere", 404), ("unauthorized", 401), ("needs-key", 401)]:
            refused = await http.post("/v1/chat/completions", json={**body, "model": model})
            assert refused.status_code == status
            assert set(refused.json()["error"]) == {"message", "type", "param", "code"}
        assert server.requests[1].status == 429
        headers = {"authorization": "Bearer open-sesame"}
        allowed = await http.post("/v1/chat/completions", json={**body, "model": "needs-key"}, headers=headers)
        assert allowed.status_code == 200
        assert "open-sesame" not in repr(server.requests)
