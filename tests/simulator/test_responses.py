"""The Responses wire: what the simulator says is what OpenAI's own SDK understands, and what Codex reads."""

import json
from typing import Any

import anyio
import pytest
from openai import APIStatusError, AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from jido_nb.simulator.asked import Asked, Said
from jido_nb.simulator.responses import RESPONSES
from jido_nb.simulator.scenario import Answer, Scenario, Status, Tokens
from jido_nb.simulator.server import Server, serve
from jido_nb.simulator.steps import (
    Block,
    Ping,
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
from jido_nb.simulator.wire import Refusal

LIMIT_S = 30
TOOLS = [
    {"type": "function", "name": "get_weather", "parameters": {}},
    {"type": "custom", "name": "apply_patch"},
    {"type": "local_shell"},
]
ASKED = Asked("m", True, (Said("user", "hello"),), None, 5, {"tools": TOOLS})
RICH = Answer(
    (
        Thinking.of("let me think"),
        RedactedThinking("secret"),
        Text(("Hi ", Wait(1), "\u2028 thé\n\n", Ping(), "data: x")),
        ToolUse.of("web_search", {"query": "x"}, id="srv_1", server=True),
        Block.of({"type": "web_search_tool_result"}),
        ToolUse.of("get_weather", {"city": "Lisbon"}, id="c1"),
        ToolUse("apply_patch", ("*** Begin", " Patch"), "c2"),
        ToolUse.of("local_shell", {"command": ["ls"]}, id="c3"),
    ),
    tokens=Tokens(input=10, output=20, cache_read=3, cache_write=4, thinking=5),
)
KINDS = ["reasoning", "reasoning", "message", "function_call", "custom_tool_call", "local_shell_call"]


def decoded(answer: Answer, asked: Asked = ASKED) -> list[dict[str, Any]]:
    blob = b"".join(op for op in RESPONSES.stream(answer, asked, "req_1") if isinstance(op, bytes))
    events = [event for event in blob.split(b"\n\n") if event and not event.startswith(b":")]
    found = []
    for event in events:
        name, data = event.split(b"\ndata: ", 1)
        found.append(json.loads(data))
        assert name == b"event: " + found[-1]["type"].encode()
    return found


def joined(events: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def test_a_stream_is_made_of_events_that_the_sdk_knows_in_the_order_that_it_counts() -> None:
    adapter: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
    events = decoded(RICH)
    for event in events:
        assert adapter.validate_python(event).model_extra in (None, {})
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] == "response.completed"
    for state in ("added", "done"):
        items = [event for event in events if event["type"] == f"response.output_item.{state}"]
        assert [one["output_index"] for one in items] == list(range(len(KINDS)))
        assert [one["item"]["type"] for one in items] == KINDS


def test_both_modes_say_the_same_and_items_are_what_was_streamed_of_them() -> None:
    events, whole = decoded(RICH), json.loads(RESPONSES.whole(RICH, ASKED, "req_1"))
    assert Response.model_validate(whole).output_text == RICH.text == joined(events, "output_text")
    assert events[-1]["response"] == whole
    assert whole["output"] == [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert joined(events, "reasoning_summary_text") == RICH.thinking == whole["output"][0]["summary"][0]["text"]
    assert json.loads(joined(events, "function_call_arguments")) == {"city": "Lisbon"}
    assert joined(events, "custom_tool_call_input") == "*** Begin Patch" == whole["output"][4]["input"]
    assert whole["output"][5]["action"] == {"type": "exec", "env": {}, "command": ["ls"]}
    assert [item.get("call_id") for item in whole["output"][3:]] == ["c1", "c2", "c3"]
    assert len({item["id"] for item in whole["output"]}) == len(KINDS)


def test_usage_holds_what_came_from_the_cache() -> None:
    assert decoded(RICH)[-1]["response"]["usage"] == {
        "input_tokens": 17,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 37,
    }


@pytest.mark.parametrize(
    ("stop_reason", "status", "why"),
    [
        (None, "completed", None),
        ("max_tokens", "incomplete", {"reason": "max_output_tokens"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_an_answer_that_stops_early_is_incomplete(stop_reason: str | None, status: str, why: Any) -> None:
    last = decoded(Answer((Text.of("so far"),), stop_reason=stop_reason))[-1]
    assert last["type"] == f"response.{status}"
    assert (last["response"]["status"], last["response"]["incomplete_details"]) == (status, why)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("fault", [Reset(), Truncate(), Stall()])
def test_nothing_follows_a_fault(fault: Any, split: bool) -> None:
    answer = Answer((Text.of(["a", fault, "b"]), Text.of("c")), split=split)
    ops = list(RESPONSES.stream(answer, ASKED, "req_1"))
    assert ops[-1] == fault
    blob = b"".join(op for op in ops if isinstance(op, bytes))
    assert b'"delta":"a"' in blob
    assert b'"delta":"b"' not in blob
    assert b"output_text.done" not in blob


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("overloaded_error", "server_error"),
        ("rate_limit_error", "rate_limit_exceeded"),
        ("context_length_exceeded", "context_length_exceeded"),
    ],
)
def test_an_error_in_the_stream_is_a_failed_response(kind: str, code: str) -> None:
    ops = list(RESPONSES.stream(Answer((Text.of(["a", StreamError(kind, "sorry")]),)), ASKED, "req_1"))
    assert ops[-1] == Truncate()
    last = decoded(Answer((StreamError(kind, "sorry"),)))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": code, "message": "sorry"}


def read(**body: Any) -> Asked:
    return RESPONSES.read(json.dumps({"model": "m", **body}).encode())


def test_a_conversation_is_read_with_its_instructions_apart() -> None:
    asked = read(
        instructions="Be brief.",
        tools=TOOLS,
        input=[
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You may."}]},
            {"role": "user", "content": [{"type": "input_text", "text": "a "}, {"type": "input_image"}]},
            {"type": "reasoning", "summary": [], "encrypted_content": "x"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "out"},
        ],
    )
    assert asked.system == "Be brief.\n\nYou may."
    told = [(one.role, one.text) for one in asked.messages]
    assert told == [
        ("user", "a [input_image]"),
        ("assistant", "[reasoning]"),
        ("assistant", "[function_call f]"),
        ("tool", "out"),
    ]
    assert (asked.words, asked.rounds, asked.stream) == ("a ", ("out",), False)
    assert asked.tools == ("get_weather", "apply_patch", "local_shell")
    assert asked.characters == len("Be brief.You may.a [input_image][reasoning][function_call f]out")


def test_an_input_may_be_a_string() -> None:
    asked = read(input="hello", stream=True)
    assert (asked.messages, asked.words, asked.stream) == ((Said("user", "hello"),), "hello", True)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "parse"),
        (b"[]", "object"),
        ({"model": ""}, "model"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": "x", "stream": "yes"}, "stream"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"type": 7}]}, "input[0].type"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ],
)
def test_a_request_that_the_service_would_refuse_is_refused_by_name(body: Any, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        RESPONSES.read(body if isinstance(body, bytes) else json.dumps({"model": "m", "input": "x", **body}).encode())
    assert refused.value.status == 400
    assert named in refused.value.message


def sdk(server: Server) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{server.url}/v1", api_key="open-sesame", max_retries=0, timeout=LIMIT_S)


@pytest.mark.anyio
async def test_the_sdk_streams_and_reads_it_whole_over_a_socket() -> None:
    async with serve() as server, sdk(server) as client:
        for name in ("thinking", "needs-key", "international"):
            whole = await client.responses.create(model=name, input="hi")
            async with client.responses.stream(model=name, input="hi") as events:
                streamed = await events.get_final_response()
            assert streamed.output_text == whole.output_text != ""
        with anyio.fail_after(LIMIT_S):
            for one in server.requests:
                await one.ended.wait()
        assert {one.outcome for one in server.requests} == {"completed"}


@pytest.mark.anyio
async def test_the_sdk_uses_a_tool_and_is_told_of_it() -> None:
    async with serve() as server, sdk(server) as client:
        talk: list[Any] = [{"role": "user", "content": "Please run `ls -l`."}]
        tools: list[Any] = [{"type": "function", "name": "exec_command", "parameters": {}, "strict": False}]
        first = await client.responses.create(model="shell", input=talk, tools=tools)
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert json.loads(call.arguments)["cmd"] == "ls -l"
        talk += [
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
            {"type": "function_call_output", "call_id": call.call_id, "output": "total 0"},
        ]
        second = await client.responses.create(model="shell", input=talk, tools=tools)
    assert second.output_text == "The shell said:\n\ntotal 0"


@pytest.mark.anyio
async def test_statuses_come_in_the_protocols_shape() -> None:
    async with serve() as server, sdk(server) as client:
        server.add("m", Scenario.always(Status(429, retry_after_s=2)))
        with pytest.raises(APIStatusError) as limited:
            await client.responses.create(model="m", input="hi")
        with pytest.raises(APIStatusError) as unknown:
            await client.responses.create(model="stroy", input="hi")
    assert (limited.value.status_code, limited.value.response.headers["retry-after"]) == (429, "2")
    assert "Did you mean 'story'?" in str(unknown.value)


@pytest.mark.anyio
async def test_a_client_that_leaves_is_noticed(client: Any) -> None:
    async with serve() as server, client(server.url, timeout=LIMIT_S) as http:
        body = {"model": "slow", "input": "hi", "stream": True}
        async with http.stream("POST", "/v1/responses", json=body) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
        with anyio.fail_after(LIMIT_S):
            exchange = await server.arrived(1)
            await exchange.ended.wait()
    assert exchange.outcome == "client_closed"
