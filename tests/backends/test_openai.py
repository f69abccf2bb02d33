"""OpenAI-compatible servers on real sockets: dialects, keys and paths, and what is theirs alone to get wrong.

What all protocols have in common is in test_jido_ai.py, for each of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from jido_nb.backends.jido_ai import http_provider, sse
from jido_nb.backends.registry import open_backend
from jido_nb.llm.backend import Backend
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings
from jido_nb.llm.usage import Usage
from jido_nb.simulator.asked import Asked
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.dialect import Dialect
from jido_nb.simulator.openai import OPENAI
from jido_nb.simulator.scenario import Answer, Page, Scenario, Status, Tokens
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Text, Thinking, ToolUse

from .asking import answered, failed
from .raw_server import raw_server

pytestmark = pytest.mark.anyio
CANARY = "sk-canary-0123456789abcdef"
RICH = Scenario.answer(
    Thinking.of("let me think"),
    Text.of("Hello, it is sunny. é 👩\u200d👧"),
    ToolUse.of("get_weather", {"city": "Lisbon"}, id="c1"),
    ToolUse.of("get_time", {"zone": "WET"}, id="c2"),
    tokens=Tokens(input=10, output=20, cache_read=3, cache_write=4, thinking=5),
)


@asynccontextmanager
async def server_at(url: str, name: str = "mine", **row: Any) -> AsyncIterator[Backend]:
    """A backend with a server of one's own in the table, or a row of the table at another place."""
    row = {"base_url": url, **({"kind": "openai"} if name == "mine" else {}), **row}
    settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": {name: row}}}}})
    async with open_backend("jido_ai", settings) as backend:
        yield backend


def request_to(model: str, **more: Any) -> LLMRequest:
    messages = [{"role": "user", "content": "hi"}]
    asked = {"request_id": "r", "conversation_id": "c", "backend": "jido_ai", "messages": messages, "model": model}
    return LLMRequest.model_validate({**asked, **more})


DIALECTS: list[tuple[str, dict[str, Any], bool]] = [
    # name, how the server strays, whether it tells the usage of a stream
    ("openai", {}, True),
    ("no-role", {"role": False}, True),
    ("no-done", {"done": False}, True),
    ("no-finish-reason", {"finish_reason": False}, True),
    ("no-usage", {"usage": "never"}, False),
    ("usage-with-the-reason", {"usage": "finish"}, True),
    ("nulls", {"nulls": True}, True),
    ("empty-choices", {"empty_choices": True}, True),
    ("reasoning", {"reasoning": "reasoning"}, True),
    ("whole-calls", {"tool_pieces": False, "tool_index": False}, True),
    ("calls-all-0", {"tool_index": False}, True),
    ("bare", {"role": False, "done": False, "usage": "never", "nulls": True, "reasoning": "reasoning"}, False),
]


@pytest.mark.parametrize(("dialect", "usage"), [row[1:] for row in DIALECTS], ids=[row[0] for row in DIALECTS])
async def test_every_dialect_gives_the_same_answer(dialect: dict[str, Any], usage: bool) -> None:
    async with serve() as server, server_at(f"{server.url}/v1") as backend:
        server.add("m", RICH.answering(dialect=Dialect(**dialect)))
        for stream in (True, False):
            result = await answered(backend, request_to("mine:m"), stream)
            assert (result.text, result.thinking) == ("Hello, it is sunny. é 👩\u200d👧", "let me think")
            assert [(call.id, call.name, call.arguments) for call in result.tool_calls] == [
                ("c1", "get_weather", {"city": "Lisbon"}),
                ("c2", "get_time", {"zone": "WET"}),
            ]
            assert result.finish_reason == (None if stream and dialect.get("finish_reason") is False else "tool_calls")
            assert result.usage == (Usage(10, 20, 3, 4, 5) if usage else None)
            assert (result.provider, result.model, result.backend) == ("mine", "m", "jido_ai")
            assert result.request_id == f"req_sim_{server.requests[-1].number:06}"
            assert result.metadata["rate_limits"]["remaining-requests"] == "9999"


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    ("rule", "dialect", "whole"),
    [
        ("done", {"done": False}, False),
        ("either", {"done": False}, True),
        ("finish_reason", {"done": False}, True),
        ("finish_reason", {"finish_reason": False}, False),
        ("either", {"done": False, "finish_reason": False}, False),
    ],
)
async def test_what_ends_a_stream_is_a_row_of_the_table(
    rule: str, dialect: dict[str, Any], whole: bool, clean: bool
) -> None:
    """An answer that is whole stays whole if the connection breaks behind it; one that is not is never a success."""
    scenario = Scenario.text("all of it").answering(dialect=Dialect(**dialect))
    (answer,) = scenario.attempts
    assert isinstance(answer, Answer)
    ops = OPENAI.stream(answer, Asked("m", True, (), None, 1, {}), "r")
    body = b"".join(op for op in ops if isinstance(op, bytes))
    async with raw_server(EVENTS, body, end=clean) as url, server_at(url, ends_with=rule) as backend:
        if whole:
            assert (await answered(backend, request_to("mine:m"))).text == "all of it"
        else:
            error = await failed(backend, request_to("mine:m"))
            assert (error.category, error.retryable, error.partial_text) == ("transport", True, "all of it")
            assert error.details.get("truncated") or not clean


FINISHED = b'data: {"model": "m", "choices": [{"delta": {"content": "all"}, "finish_reason": "stop"}]}\n\n'
COUNTED = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}\n\n'


@pytest.mark.parametrize("then", [b"", b": still here\n\n"])
@pytest.mark.parametrize("rule", ["either", "finish_reason"])
@pytest.mark.parametrize("usage", [True, False])
async def test_a_whole_answer_does_not_wait_for_a_server_that_never_hangs_up(
    usage: bool, rule: str, then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With its usage the answer is at its end: that takes no limit.
    monkeypatch.setattr(http_provider, "SETTLE_LIMIT_S", 3600 if usage else 0.05)
    body = FINISHED + (COUNTED if usage else b"")
    async with raw_server(EVENTS, body, then=then) as url, server_at(url, ends_with=rule) as backend:
        result = await answered(backend, request_to("mine:m"))
        assert (result.text, result.finish_reason) == ("all", "stop")
        assert result.usage == (Usage(3, 1) if usage else None)


async def test_usage_that_comes_late_is_waited_for() -> None:
    async with raw_server(EVENTS, FINISHED + COUNTED, chunk=1, then=b"") as url, server_at(url) as backend:
        assert (await answered(backend, request_to("mine:m"))).usage == Usage(3, 1)


async def test_where_the_end_is_promised_the_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_provider, "SETTLE_LIMIT_S", 0)
    async with raw_server(EVENTS, FINISHED + COUNTED, then=b"") as url, server_at(url, ends_with="done") as backend:
        with anyio.move_on_after(0.2) as waited:
            await answered(backend, request_to("mine:m"))
        assert waited.cancelled_caught


EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("provider", ["mine", "simulated"])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'data: {"type":"ping","choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', "cannot be read"),
        (b'data: {"type": "\xed\xa0\x80"}\n\n', "cannot be read"),
        (b"data: " + b"x" * 40_000 + b"\n\n", "larger than"),
        (b"x" * 40_000, "larger than"),
        (b"data: \x00\x01\n\n", "cannot be read"),
    ],
)
async def test_bytes_that_are_no_text_and_endless_lines_are_transport_errors(
    body: bytes, says: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 32_000)
    async with raw_server(EVENTS, body, chunk=1000, end=True) as url, server_at(url, provider) as backend:
        error = await failed(backend, request_to(f"{provider}:m"))
        assert (error.category, error.retryable) == ("transport", True)
        assert says in error.message


@pytest.mark.parametrize("provider", ["mine", "simulated"])
@pytest.mark.parametrize("end", [True, False])
async def test_an_answer_that_is_cut_off_is_a_transport_error(end: bool, provider: str) -> None:
    async with raw_server(ANSWER, b'{"choices": [', end=end) as url, server_at(url, provider) as backend:
        assert (await failed(backend, request_to(f"{provider}:m"), stream=False)).category == "transport"


async def test_an_error_in_place_of_a_stream_keeps_its_meaning() -> None:
    for body, category in [
        ('{"error": {"message": "bad key", "code": "invalid_api_key"}}', "auth"),
        ('{"error": "model not found"}', "provider"),
        ('{"choices": []}', "transport"),
        ("{", "transport"),
    ]:
        async with serve() as server, server_at(f"{server.url}/v1") as backend:
            server.add("m", Scenario.always(Page(body, content_type="application/json; charset=utf-8")))
            assert (await failed(backend, request_to("mine:m"))).category == category


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "https://no-such-host.invalid"])
async def test_a_name_that_does_not_resolve_is_a_transport_error(url: str, stream: bool) -> None:
    async with server_at(url) as backend:
        error = await failed(backend, request_to("mine:m"), stream)
        assert (error.category, error.retryable, error.details["reason"]) == ("transport", True, "gaierror")


@pytest.mark.parametrize(
    ("url", "field"),
    [(None, "llm.backends.jido_ai.providers.mine.base_url"), ("127.0.0.1:8000/v1", None), ("ftp://x", None)],
)
async def test_an_address_that_is_none_is_a_config_error(url: str | None, field: str | None) -> None:
    async with server_at(url or "") as backend:
        error = await failed(backend, request_to("mine:m"))
        assert (error.category, error.retryable, error.details.get("field")) == ("config", False, field)


async def test_a_path_that_is_not_there_says_what_the_base_url_should_be() -> None:
    async with serve() as server, server_at(server.url) as backend:
        error = await failed(backend, request_to("mine:story"))
        assert (error.category, error.status) == ("provider", 404)
        assert "/v1" in error.message
    async with serve() as server, server_at(f"{server.url}/v1/") as backend:
        assert "base_url" not in (await failed(backend, request_to("mine:nothing"))).message
        assert (await answered(backend, request_to("mine:echo"))).status == "completed"


async def test_options_system_prompt_and_headers_reach_the_server() -> None:
    options = {"temperature": 0.5, "max_tokens": 7, "seed": 1, "top_k": 3, "extra_body": {"think": True}}
    row: dict[str, Any] = {"extra_options": ["top_k"], "headers": {"x-mine": "yes"}}
    async with serve() as server, server_at(f"{server.url}/v1", **row) as backend:
        for stream in (True, False):
            await answered(backend, request_to("mine:echo", system_prompt="Be brief.", options=options), stream)
            body = server.requests[-1].body
            assert body is not None
            assert {"temperature": 0.5, "max_tokens": 7, "seed": 1, "top_k": 3, "think": True}.items() <= body.items()
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            assert (body["model"], body.get("stream", False)) == ("echo", stream)
            assert server.requests[-1].headers["x-mine"] == "yes"
            assert "x-jido-effect" not in server.requests[-1].headers
            assert "authorization" not in server.requests[-1].headers


async def test_an_option_that_no_table_knows_is_refused_before_any_request() -> None:
    async with serve() as server, server_at(f"{server.url}/v1") as backend:
        for stream in (True, False):
            error = await failed(backend, request_to("mine:echo", options={"top_k": 3}), stream)
            assert (error.category, error.details["field"]) == ("config", "options.top_k")
        assert server.statistics()["requests"] == 0


@pytest.mark.parametrize(
    ("asked", "provider", "model"),
    [
        ({"model": "ollama:llama3:8b"}, "ollama", "llama3:8b"),
        ({"model": "llama3:8b", "provider": "ollama"}, "ollama", "llama3:8b"),
        ({"model": "openrouter:meta-llama/llama-4:free"}, "openrouter", "meta-llama/llama-4:free"),
        ({"model": "vllm:Qwen/Qwen4-8B"}, "vllm", "Qwen/Qwen4-8B"),
        ({"model": "llamacpp:default"}, "llamacpp", "default"),
        ({"model": "gpt-5-mini"}, "openai", "gpt-5-mini"),
        ({"model": "groq:openai/gpt-oss-20b"}, "groq", "openai/gpt-oss-20b"),
        ({"model": "deepseek:deepseek-chat"}, "deepseek", "deepseek-chat"),
    ],
)
async def test_every_row_of_the_table_answers_with_its_own_key(
    asked: dict[str, str], provider: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = Settings().llm.backends["jido_ai"].providers[provider].api_key_env
    async with serve() as server, server_at(f"{server.url}/v1", provider) as backend:
        server.add(model, CATALOGUE["echo"].needing(CANARY) if variable else CATALOGUE["echo"])
        if variable:
            monkeypatch.delenv(variable, raising=False)
            error = await failed(backend, request_to(**asked))
            assert (error.category, error.details["field"]) == ("auth", variable)
            assert server.statistics()["requests"] == 0
            monkeypatch.setenv(variable, CANARY)
        result = await answered(backend, request_to(**asked))
        assert (result.provider, result.model) == (provider, model)


@pytest.mark.parametrize("key", [CANARY, f"{CANARY}\r\nx: y", f"{CANARY}…"])
async def test_the_key_is_in_no_error(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    async with serve() as server, server_at(f"{server.url}/v1", "openai", headers={"x-mine": "mysecret"}) as backend:
        server.add("m", Scenario.always(Status(401, f"Incorrect API key provided: {CANARY} Bearer {CANARY} mysecret")))
        error = await failed(backend, request_to("openai:m"))
        shown = repr(error) + str(error) + repr(error.to_payload()) + repr(error.__cause__)
        assert CANARY not in shown
        assert "mysecret" not in shown
        assert error.__suppress_context__


async def test_without_a_key_or_a_server_the_simulator_speaks_it_too() -> None:
    async with open_backend("jido_ai", Settings()) as backend:
        one = await answered(backend, request_to("simulated_openai:echo"))
        two = await answered(backend, request_to("simulated:echo"))
        assert one.text == two.text
        assert (one.finish_reason, two.finish_reason) == ("stop", "end_turn")
        error = await failed(backend, request_to("simulated_openai:stroy"))
        assert (error.category, "Did you mean 'story'" in error.message) == ("config", True)


async def test_a_redirect_is_not_followed_and_a_broken_error_page_keeps_its_status() -> None:
    async with serve() as server, server_at(f"{server.url}/v1") as backend:
        server.add("m", Scenario.always(Status(308, headers=(("location", "/v1/chat/completions"),))))
        assert (await failed(backend, request_to("mine:m"))).status == 308
        assert server.statistics()["requests"] == 1
    head = b"HTTP/1.1 503 Busy\r\ncontent-type: text/html\r\ncontent-length: 500\r\n\r\n"
    async with raw_server(head, b"") as url, server_at(url) as backend:
        error = await failed(backend, request_to("mine:m"))
        assert (error.category, error.retryable, error.status) == ("provider", True, 503)


async def test_usage_is_known_when_it_came_before_the_break() -> None:
    async with serve() as server, server_at(f"{server.url}/v1", ends_with="done") as backend:
        server.add("m", RICH.answering(dialect=Dialect(done=False)))
        error = await failed(backend, request_to("mine:m"))
        assert error.usage == Usage(10, 20, 3, 4, 5)
