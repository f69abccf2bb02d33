"""The bridge to pydantic-ai on real sockets: its OpenAI model class talks to the simulator."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from jido_nb.backends.jido_ai.pydantic_ai_encode import messages_of
from jido_nb.backends.registry import open_backend
from jido_nb.llm.backend import Backend
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings
from jido_nb.llm.usage import Usage
from jido_nb.simulator.dialect import Dialect
from jido_nb.simulator.scenario import Page, Scenario, Status, Tokens
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Reset, Stall, StreamError, Text, Thinking, ToolUse, Truncate

from .asking import answered, failed, streamed

pytestmark = pytest.mark.anyio
KEY = "sk-canary-0123456789abcdef"
RICH = Scenario.answer(
    Thinking.of("let me think"),
    Text.of("Hello, it is sunny."),
    ToolUse.of("get_weather", {"city": "Lisbon"}, id="c1"),
    tokens=Tokens(input=10, output=20, cache_read=3, thinking=5),
)
TOOL = {"name": "get_weather", "description": "w", "input_schema": {"type": "object", "properties": {"city": {}}}}


@asynccontextmanager
async def bridged(url: str, kind: str = "pydantic_ai:openai-chat", **row: Any) -> AsyncIterator[Backend]:
    table = {"mine": {"kind": kind, "base_url": f"{url}/v1", **row}}
    settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
    async with open_backend("jido_ai", settings) as backend:
        yield backend


def request_to(model: str, messages: list[dict[str, Any]] | None = None, **more: Any) -> LLMRequest:
    asked = {"request_id": "r", "conversation_id": "c", "backend": "jido_ai", "model": model}
    return LLMRequest.model_validate({**asked, "messages": messages or [{"role": "user", "content": "hi"}], **more})


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_has_all_its_parts(stream: bool) -> None:
    async with serve() as server, bridged(server.url) as backend:
        server.add("m", RICH)
        result = await answered(backend, request_to("mine:m", options={"tools": [TOOL]}), stream)
        assert (result.text, result.thinking) == ("Hello, it is sunny.", "let me think")
        assert [(call.id, call.name, call.arguments, call.kind) for call in result.tool_calls] == [
            ("c1", "get_weather", {"city": "Lisbon"}, "client")
        ]
        assert (result.finish_reason, result.usage) == ("tool_calls", Usage(10, 20, 3, None, 5))
        assert (result.provider, result.model, result.backend) == ("mine", "m", "jido_ai")


async def test_a_stream_has_the_events_of_every_other() -> None:
    async with serve() as server, bridged(server.url) as backend:
        server.add("m", RICH)
        events = await streamed(backend, request_to("mine:m", options={"tools": [TOOL]}))
        assert [event.sequence for event in events] == list(range(len(events)))
        assert events[0].lifecycle == "started"
        assert events[0].metadata["execution_ref"]
        assert events[1].metadata == {"model": "m"}
        assert "".join(event.thinking for event in events) == "let me think"
        assert "".join(event.delta for event in events) == "Hello, it is sunny."
        assert sum(event.unshown for event in events) == len('{"city": "Lisbon"}')
        assert [event.tool.arguments for event in events if event.tool] == [{}, {"city": "Lisbon"}]


async def test_options_tools_prompt_and_headers_reach_the_wire() -> None:
    options = {"temperature": 0.5, "max_tokens": 7, "seed": 1, "openai_user": "u", "tools": [TOOL]}
    async with serve() as server, bridged(server.url, headers={"x-mine": "yes"}) as backend:
        for stream in (True, False):
            await answered(backend, request_to("mine:echo", system_prompt="Be brief.", options=options), stream)
            body = server.requests[-1].body
            assert body is not None
            assert {"temperature": 0.5, "seed": 1, "user": "u"}.items() <= body.items()
            assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))
            assert body["tools"][0]["function"]["name"] == "get_weather"
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            assert server.requests[-1].headers["x-mine"] == "yes"
            assert "x-jido-effect" not in server.requests[-1].headers


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("temprature", "Did you mean 'temperature'"),
        ("top_k", "no option"),  # which this model would leave out without a word
        ("max_retries", "no option"),
        ("timeout", "no option"),
    ],
)
async def test_an_option_that_the_model_does_not_take_is_refused_by_name(option: str, says: str) -> None:
    async with serve() as server, bridged(server.url) as backend:
        error = await failed(backend, request_to("mine:echo", options={option: 1}))
        assert (error.category, error.details["field"], says in error.message) == ("config", f"options.{option}", True)
        assert server.statistics()["requests"] == 0


FAILURES: list[tuple[str, Scenario, str, bool]] = [
    ("401", Scenario.always(Status(401, f"bad key {KEY}")), "auth", False),
    ("400", Scenario.always(Status(400, "no")), "provider", False),
    ("408", Scenario.always(Status(408, "slow")), "timeout", True),
    ("429", Scenario.always(Status(429, "later", headers=(("retry-after", "7"),))), "provider", True),
    ("503", Scenario.always(Status(503, "busy")), "provider", True),
    ("html", Scenario.always(Page("<html>down</html>")), "transport", True),
    ("reset", Scenario.answer(Text.of("half of it"), Reset()), "transport", True),
    ("cut off", Scenario.answer(Text.of("half of it"), Truncate(clean=False)), "transport", True),
    ("ends early", Scenario.answer(Text.of("half of it"), Truncate()), "transport", True),
    ("error inside", Scenario.answer(Text.of("half of it"), StreamError("overloaded_error", "busy")), "provider", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "category", "retryable"), [row[1:] for row in FAILURES], ids=[r[0] for r in FAILURES]
)
async def test_a_failure_has_its_category_and_is_one_request(
    scenario: Scenario, category: str, retryable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", KEY)
    async with serve() as server, bridged(server.url, api_key_env="MINE") as backend:
        server.add("m", scenario.needing(KEY))
        error = await failed(backend, request_to("mine:m"))
        assert (error.category, error.retryable) == (category, retryable)
        assert KEY not in repr(error.to_payload()) + str(error)
        assert server.statistics()["requests"] == 1
        if "half" in repr(scenario):
            assert error.partial_text == "half of it"
        if category == "provider" and error.status == 429:
            assert error.details["retry_after_ms"] == 7000


@pytest.mark.parametrize("stream", [True, False])
async def test_nobody_there_is_a_transport_error(stream: bool) -> None:
    async with bridged("http://127.0.0.1:1") as backend:
        error = await failed(backend, request_to("mine:m"), stream)
        assert (error.category, error.retryable) == ("transport", True)


@pytest.mark.parametrize("by", ["cancel", "leaving"])
async def test_a_cancel_closes_the_connection(by: str) -> None:
    async with serve() as server, bridged(server.url) as backend:
        server.add("m", Scenario.answer(Text.of("so far"), Stall()))
        with anyio.fail_after(20):
            async with backend.stream(request_to("mine:m")) as events:
                ref = (await anext(events)).metadata["execution_ref"]
                if by == "cancel":
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(backend.cancel, ref)
                        with pytest.raises(LLMError) as caught:
                            [event async for event in events]
                    assert (caught.value.category, caught.value.partial_text) == ("canceled", "so far")
            await server.requests[0].closed.wait()
        assert server.requests[0].closed_by == "client"


async def test_the_next_turn_sends_an_answer_back_as_it_came() -> None:
    async with serve() as server, bridged(server.url) as backend:
        server.add("m", RICH)
        result = await answered(backend, request_to("mine:m", options={"tools": [TOOL]}))
        blocks = {"provider": "mine", "content": result.metadata["content"]}
        talk: list[dict[str, Any]] = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": result.text, "blocks": blocks},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "22 degrees"}]},
        ]
        await answered(backend, request_to("mine:m", talk, options={"tools": [TOOL]}))
        body = server.requests[-1].body
        assert body is not None
        _, answer, outcome = body["messages"]
        assert (answer["content"], answer["tool_calls"][0]["id"]) == (result.text, "c1")
        assert (outcome["role"], outcome["content"], outcome["tool_call_id"]) == ("tool", "22 degrees", "c1")
        talk[2] = {"role": "user", "content": "never mind"}
        await answered(backend, request_to("mine:m", talk))
        body = server.requests[-1].body
        assert body is not None
        assert "tool_calls" not in body["messages"][1]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}],
        [{"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}],
        [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}],
        [{"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}],
        [{"type": "document", "source": {"type": "text", "data": "words"}}, {"type": "text", "text": "more"}],
    ],
)
def test_images_and_documents_are_its_own_kinds_of_content(content: list[dict[str, Any]]) -> None:
    (message,) = messages_of(request_to("mine:m", [{"role": "user", "content": content}]), "mine")
    (part,) = message.parts
    assert len(part.content) == len(content)


@pytest.mark.parametrize(("content", "says"), [([{"type": "video", "source": {}}], "'video'"), ("  ", "no content")])
def test_what_cannot_be_sent_is_a_config_error(content: Any, says: str) -> None:
    with pytest.raises(LLMError) as caught:
        messages_of(request_to("mine:m", [{"role": "user", "content": content}]), "mine")
    assert (caught.value.category, says in caught.value.message) == ("config", True)


@pytest.mark.parametrize(
    ("kind", "row", "category", "says"),
    [
        ("pydantic_ai:nobody", {}, "config", "no provider 'nobody'"),
        ("pydantic_ai", {}, "config", "no provider 'mine'"),
        ("pydantic_ai:groq", {}, "config", "pydantic-ai-slim[groq]"),
        ("pydantic_ai:deepseek", {}, "config", "takes no base_url"),
        ("pydantic_ai:deepseek", {"base_url": None}, "auth", "DEEPSEEK_API_KEY"),
        ("openai:nobody", {}, "config", "no provider of kind 'openai:nobody'"),
    ],
)
async def test_a_row_that_does_not_fit_says_so_before_any_request(
    kind: str, row: dict[str, Any], category: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    async with bridged("http://127.0.0.1:1", kind, **row) as backend:
        error = await failed(backend, request_to("mine:m"))
        assert (error.category, error.retryable, says in error.message) == (category, False, True), error


async def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("jido_nb.backends.jido_ai.pydantic_ai"):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == "pydantic_ai":
            monkeypatch.setitem(sys.modules, name, None)  # which makes its import fail
    async with bridged("http://127.0.0.1:1") as backend:
        error = await failed(backend, request_to("mine:m"))
        assert error.category == "config"
        assert "pip install 'jido_nb[providers]'" in error.message


async def test_a_server_without_the_usage_leaves_it_unknown() -> None:
    async with serve() as server, bridged(server.url) as backend:
        server.add("m", Scenario.text("all of it").answering(dialect=Dialect(usage="never")))
        result = await answered(backend, request_to("mine:m"))
        assert (result.text, result.usage) == ("all of it", None)
