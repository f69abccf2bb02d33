"""The Gemini wire: model and mode from the path, chunks that Gemini CLI reads."""

import json
from typing import Any

import anyio
import pytest

from jido_nb.simulator.asked import Asked
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.gemini import GeminiWire, gemini_at
from jido_nb.simulator.scenario import Answer, Scenario, Status, Tokens
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import (
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
STREAM, WHOLE = "/v1beta/models/m:streamGenerateContent", "/v1beta/models/m:generateContent"
QUESTION: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
RICH = Answer(
    (
        Thinking.of("let me think"),
        RedactedThinking("secret"),
        Text(("Hi ", Wait(1), "\u2028 thé\n\n", Ping(), "data: x")),
        ToolUse.of("web_search", {"query": "x"}, id="srv_1", server=True),
        ToolUse.of("get_weather", {"city": "Lisbon"}, id="c1"),
    ),
    tokens=Tokens(input=10, output=20, cache_read=3, cache_write=4, thinking=5),
)


def wire_at(path: str) -> GeminiWire:
    wire = gemini_at(path)
    assert wire is not None
    return wire


def asked(path: str = STREAM, **body: Any) -> Asked:
    return wire_at(path).read(json.dumps({**QUESTION, **body}).encode())


def chunks(answer: Answer) -> list[dict[str, Any]]:
    blob = b"".join(op for op in wire_at(STREAM).stream(answer, asked(), "req_1") if isinstance(op, bytes))
    events = [event for event in blob.split(b"\r\n\r\n") if event and not event.startswith(b":")]
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def parts_of(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for chunk in told for part in chunk["candidates"][0]["content"]["parts"]]


@pytest.mark.parametrize(
    ("path", "model", "streams"),
    [
        (STREAM, "m", True),
        (WHOLE, "m", False),
        ("/v1/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", False),
    ],
)
def test_model_and_mode_are_in_the_path(path: str, model: str, streams: bool) -> None:
    found = asked(path)
    assert (found.model, found.stream) == (model, streams)


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models/m", "/v1beta/models/a/b:generateContent", STREAM + "x"])
def test_other_paths_are_not_of_this_protocol(path: str) -> None:
    assert gemini_at(path) is None


def test_both_modes_say_the_same() -> None:
    told = chunks(RICH)
    whole = json.loads(wire_at(WHOLE).whole(RICH, asked(), "req_1"))
    for said in (parts_of(told), parts_of([whole])):
        assert "".join(part.get("text", "") for part in said if not part.get("thought")) == RICH.text
        assert "".join(part["text"] for part in said if part.get("thought")) == RICH.thinking
        calls = [part["functionCall"] for part in said if "functionCall" in part]
        assert calls == [{"id": "c1", "name": "get_weather", "args": {"city": "Lisbon"}}]
    assert [one["candidates"][0].get("finishReason") for one in told] == [None] * (len(told) - 1) + ["STOP"]
    assert told[-1]["usageMetadata"] == whole["usageMetadata"]


def test_thoughts_are_counted_apart_and_what_came_from_the_cache_within() -> None:
    told = chunks(RICH)
    assert told[0]["usageMetadata"] == {
        "promptTokenCount": 17,
        "cachedContentTokenCount": 3,
        "totalTokenCount": 17,
    }
    assert told[-1]["usageMetadata"] == {
        "promptTokenCount": 17,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 15,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 37,
    }


@pytest.mark.parametrize("fault", [Reset(), Truncate(), Stall()])
def test_nothing_follows_a_fault(fault: Any) -> None:
    ops = list(wire_at(STREAM).stream(Answer((Text.of(["a", fault, "b"]),)), asked(), "req_1"))
    assert ops[-1] == fault
    assert b"finishReason" not in b"".join(op for op in ops if isinstance(op, bytes))


def test_an_error_in_the_stream_has_the_words_of_its_status() -> None:
    (error,) = chunks(Answer((StreamError("overloaded_error", "sorry"),)))
    assert error == {"error": {"code": 503, "message": "sorry", "status": "UNAVAILABLE"}}


def test_a_conversation_is_read_with_what_the_tools_have_answered() -> None:
    found = asked(
        systemInstruction={"parts": [{"text": "Be brief."}]},
        tools=[{"functionDeclarations": [{"name": "run_shell_command"}, {"name": "read_file"}]}, {"googleSearch": {}}],
        contents=[
            {"role": "user", "parts": [{"text": "context "}, {"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "out"}}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"error": "no"}}}]},
        ],
    )
    assert (found.system, found.words, found.tools) == ("Be brief.", "go", ("run_shell_command", "read_file"))
    assert found.rounds == ("out", '{"error": "no"}')
    assert [(one.role, one.text) for one in found.messages][:3] == [
        ("user", "context go"),
        ("assistant", "[functionCall]"),
        ("user", "[functionResponse]"),
    ]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b"[]", "contents"),
        (b'{"contents": []}', "contents"),
        (b'{"contents": ["x"]}', "contents[0].role"),
        (b'{"contents": [{"role": "system", "parts": [{}]}]}', "contents[0].role"),
        (b'{"contents": [{"role": "user", "parts": []}]}', "contents[0].parts"),
        (b'{"contents": [{"parts": ["x"]}]}', "contents[0].parts"),
    ],
)
def test_a_request_that_the_service_would_refuse_is_refused_by_name(body: bytes, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        wire_at(STREAM).read(body)
    assert refused.value.status == 400
    assert named in refused.value.message


@pytest.mark.anyio
async def test_models_answer_over_a_socket(client: Any) -> None:
    async with serve() as server, client(server.url, timeout=LIMIT_S) as http:
        server.add("limited", Scenario.always(Status(429, retry_after_s=2)))
        whole = await http.post("/v1beta/models/thinking:generateContent", json=QUESTION)
        streamed = await http.post("/v1beta/models/thinking:streamGenerateContent?alt=sse", json=QUESTION)
        limited = await http.post("/v1beta/models/limited:generateContent", json=QUESTION)
        unknown = await http.post("/v1beta/models/thinkin:generateContent", json=QUESTION)
    answer = CATALOGUE["thinking"].attempts[0]
    assert isinstance(answer, Answer)
    assert parts_of([whole.json()])[-1]["text"] == answer.text
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text.count("data: ") > 2
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "2")
    assert limited.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert (unknown.status_code, "'thinking'" in unknown.text) == (404, True)


@pytest.mark.anyio
async def test_a_client_that_leaves_is_noticed(client: Any) -> None:
    async with serve() as server, client(server.url, timeout=LIMIT_S) as http:
        async with http.stream("POST", "/v1beta/models/slow:streamGenerateContent", json=QUESTION) as response:
            assert response.status_code == 200
        with anyio.fail_after(LIMIT_S):
            exchange = await server.arrived(1)
            await exchange.ended.wait()
    assert exchange.outcome == "client_closed"
