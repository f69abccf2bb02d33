import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from jido_nb.simulator.anthropic import ANTHROPIC, ERRORS
from jido_nb.simulator.asked import Asked, Said
from jido_nb.simulator.scenario import Answer, Tokens
from jido_nb.simulator.steps import (
    Block,
    Ping,
    Raw,
    RedactedThinking,
    Reset,
    Stall,
    StreamError,
    Text,
    Thinking,
    ToolUse,
    Truncate,
    Wait,
)
from jido_nb.simulator.wire import SEND_LIMIT, Refusal, fault_of

ASKED = Asked("m", True, (Said("user", "hello"),), None, 5, {})
RESULT = Block.of({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []})
RICH = Answer(
    (
        Thinking.of("let me think"),
        RedactedThinking("secret"),
        Text(("Hi ", "\u2028 thé\n\n", "data: x")),
        ToolUse.of("web_search", {"query": "x"}, id="srv_1", server=True),
        RESULT,
        ToolUse.of("get_weather", {"city": "Lisbon", "days": [1, 2]}),
        Text(()),
    )
)


def stream(answer: Answer) -> list[Any]:
    return list(ANTHROPIC.stream(answer, ASKED, "req_1"))


def decoded(ops: list[Any]) -> list[dict[str, Any]]:
    blob = b"".join(op for op in ops if isinstance(op, bytes))
    return [json.loads(event.split(b"\ndata: ", 1)[1]) for event in blob.split(b"\n\n") if event]


def test_a_stream_is_made_of_events_that_the_sdk_knows() -> None:
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    events = decoded(stream(RICH))
    assert events[2] == {"type": "ping"}
    for event in events:
        if event["type"] != "ping":
            assert adapter.validate_python(event).model_extra in (None, {})
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    starts = [event for event in events if event["type"] == "content_block_start"]
    stops = [event for event in events if event["type"] == "content_block_stop"]
    assert [event["index"] for event in starts] == [event["index"] for event in stops] == list(range(7))


def test_both_modes_say_the_same() -> None:
    whole = json.loads(ANTHROPIC.whole(RICH, ASKED, "req_1"))
    assert Message.model_validate(whole).model_extra in (None, {})
    events = decoded(stream(RICH))
    begin, delta = events[0]["message"], events[-2]
    for name in ("id", "model", "role", "type"):
        assert begin[name] == whole[name]
    assert delta["delta"] == {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    assert delta["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    said = "".join(e["delta"]["text"] for e in events if e.get("delta", {}).get("type") == "text_delta")
    assert said == RICH.text == "".join(block.get("text", "") for block in whole["content"])
    pieces = [e["delta"]["partial_json"] for e in events if e.get("delta", {}).get("type") == "input_json_delta"]
    assert "".join(pieces) == '{"query": "x"}{"city": "Lisbon", "days": [1, 2]}'
    assert pieces[0] == ""


@pytest.mark.parametrize("split", [False, True])
def test_events_without_a_pause_share_a_send_unless_they_are_split(split: bool) -> None:
    sends = stream(Answer((Text(("word ",) * 3000),), split=split))
    assert (len(sends) > 3000) is split
    assert max(map(len, sends)) <= SEND_LIMIT
    assert sum(event["type"] == "content_block_delta" for event in decoded(sends)) == 3000


def test_a_pause_parts_the_sends() -> None:
    kinds = [type(op) for op in stream(Answer((Text(("a", "b", Wait(5), "c"), pause_ms=10),)))]
    assert kinds == [bytes, bytes, Wait, bytes, Wait, bytes, Wait, Wait, bytes, bytes]


@pytest.mark.parametrize("fault", [Stall(), Reset(), Truncate(), Truncate(clean=False)])
@pytest.mark.parametrize("between", [False, True])
def test_a_fault_is_the_last_thing_in_a_stream(fault: Any, between: bool) -> None:
    steps = (Text(("a",)), fault, Text(("b",))) if between else (Text(("a", fault, "b")),)
    ops = stream(Answer(steps))
    assert ops[-1] == fault
    assert decoded(ops)[-1]["type"] == ("content_block_stop" if between else "content_block_delta")


def test_an_error_event_ends_the_stream() -> None:
    ops = stream(Answer((Text(("a", StreamError("rate_limit_error", "slow down"), "b")),)))
    error = {"type": "rate_limit_error", "message": "slow down"}
    assert decoded(ops)[-1] == {"type": "error", "error": error, "request_id": "req_1"}
    assert ops[-1] == Truncate()


def test_pings_and_raw_text_go_where_they_stand() -> None:
    ops = stream(Answer((Ping(), Text(("a",)), Raw(": comment\n\n")), split=True))
    assert ops[1] == ANTHROPIC.ping
    assert ops[-3] == b": comment\n\n"


@pytest.mark.parametrize(
    ("tokens", "usage"),
    [
        (Tokens(), {"input_tokens": 2, "output_tokens": 3, "cache_read_input_tokens": 0}),
        (Tokens(7, 9, 100, 50), {"input_tokens": 7, "output_tokens": 9, "cache_creation_input_tokens": 50}),
        (Tokens(cache_read=100), {"cache_read_input_tokens": 100}),
        (Tokens(thinking=4), {"output_tokens_details": {"thinking_tokens": 4}}),
    ],
)
def test_usage_is_what_the_scenario_says_or_an_estimate(tokens: Tokens, usage: dict[str, Any]) -> None:
    answer = Answer((Text(("twelve chars",)),), tokens=tokens)
    assert json.loads(ANTHROPIC.whole(answer, ASKED, "r"))["usage"].items() >= usage.items()
    assert decoded(stream(answer))[-2]["usage"].items() >= usage.items()


@pytest.mark.parametrize("status", [*ERRORS, 418, 502])
def test_an_error_body_has_the_protocols_shape(status: int) -> None:
    body = json.loads(ANTHROPIC.error(status, None, None, "req_1"))
    assert body["type"] == "error"
    assert body["request_id"] == "req_1"
    assert body["error"]["type"].endswith(("_error", "request_too_large"))
    assert body["error"]["message"]


def test_an_error_type_tells_its_status() -> None:
    kinds = ["overloaded_error", "api_error", "rate_limit_error", "authentication_error", "timeout_error", "new_error"]
    assert [ANTHROPIC.status_of(kind) for kind in kinds] == [529, 500, 429, 401, 504, 500]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model: Input should be a valid string"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "text content blocks"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": ["x"]}, "messages.0"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 2}, "temperature"),
    ],
)
def test_a_request_that_anthropic_refuses_is_refused(change: dict[str, Any], message: str) -> None:
    good = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    assert ANTHROPIC.read(json.dumps(good).encode()).model == "m"
    with pytest.raises(Refusal, match=message):
        ANTHROPIC.read(json.dumps({**good, **change}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        ANTHROPIC.read(body)
    assert refusal.value.status == 400


def test_content_blocks_are_read_as_text() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "tool_use", "name": "t"}, {"type": "image"}]
    body = {"model": "m", "max_tokens": 1, "system": [{"type": "text", "text": "s"}]}
    asked = ANTHROPIC.read(json.dumps({**body, "messages": [{"role": "user", "content": blocks}]}).encode())
    assert asked.messages == (Said("user", "a[tool_use t][image]"),)
    assert asked.system == "s"


def test_a_body_that_is_not_streamed_takes_as_long_as_the_stream_up_to_its_fault() -> None:
    steps = (Wait(5), Text(("a", "b", Wait(1), Reset(), "c"), pause_ms=10), Wait(1000))
    assert fault_of(Answer(steps)) == (26, Reset())
    assert fault_of(Answer(steps[:1])) == (5, None)
