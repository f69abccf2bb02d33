"""jido_ai on real sockets against the simulator: answers, failures, cancels, and what is seen on the wire."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from jido_nb.backends.registry import open_backend
from jido_nb.llm.backend import Backend
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.scenario import Answer, Page, Scenario, Status
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Raw, Reset, StreamError, Text, Truncate

from .asking import answered, failed, streamed

pytestmark = pytest.mark.anyio

Ask = Callable[..., LLMRequest]
BackendAt = Callable[..., AbstractAsyncContextManager[Backend]]
CANARY = "sk-canary-0123456789abcdef"
HALF = Scenario.text(("one ", "two ", "three "))


@pytest.mark.parametrize(
    "model", ["echo", "thinking", "redacted", "tools", "cached", "max-tokens", "refusal", "empty", "international"]
)
async def test_an_answer_is_the_same_streamed_or_not(
    model: str, spoken: str, request_to: Ask, backend_at: BackendAt
) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        whole = await backend.start(request_to(f"simulated:{model}"))
        events = await streamed(backend, request_to(f"simulated:{model}"))
        result = events[-1].result
        assert result is not None
        same = {"request_id", "metadata"}
        assert result.model_dump(exclude=same) == whole.model_dump(exclude=same)
        assert (result.provider, result.backend, result.model) == (spoken, "jido_ai", model)
        assert result.request_id is not None
        assert result.usage is not None
        (attempt,) = CATALOGUE[model].attempts
        if isinstance(attempt, Answer):
            assert (result.text, result.thinking) == (attempt.text, attempt.thinking)
        assert events[0].lifecycle == "started"
        assert events[0].metadata["request_id"] == result.request_id
        assert [event.sequence for event in events] == list(range(len(events)))
        assert "".join(event.delta for event in events) == result.text
        assert "".join(event.thinking for event in events) == result.thinking


async def failed_while_reading(backend: Backend, request: LLMRequest, seen: list[str]) -> LLMError:
    with pytest.raises(LLMError) as caught:  # noqa: PT012  what was read before is part of the story
        async with backend.stream(request) as events:
            async for event in events:
                seen.append(event.delta)  # noqa: PERF401
    return caught.value


async def divided(backend: Backend, request: LLMRequest) -> None:
    async with backend.stream(request) as events:
        async for event in events:
            1 / len(event.delta)


FAILURES: list[tuple[str, Any, str, bool, dict[str, Any]]] = [
    # name, what the server does, category, retryable, details (both modes)
    *[
        (f"status-{code}", Status(code), category, retryable, {"status": code})
        for code, category, retryable in [
            (400, "provider", False), (401, "auth", False), (402, "provider", False), (403, "auth", False),
            (404, "provider", False), (408, "timeout", True), (409, "provider", True), (413, "provider", False),
            (422, "provider", False), (425, "provider", True), (429, "provider", True), (500, "provider", True),
            (502, "provider", True), (503, "provider", True), (504, "provider", True), (529, "provider", True),
        ]
    ],
    ("empty-503", Page("", 503), "provider", True, {"status": 503}),
    ("html-502", Page("<html>Bad Gateway", 502), "provider", True, {"status": 502}),
    ("retry-after", Status(429, retry_after_s=2), "provider", True, {"retry_after_ms": 2000}),
    ("retry-after-ms", Status(429, retry_after_ms=250), "provider", True, {"retry_after_ms": 250}),
    ("redirect", Status(307, headers=(("location", "/v1/messages"),)), "unknown", False, {"status": 307}),
    ("html-200", Page(), "transport", True, {"malformed": True}),
    ("text-200", Page("garbage", content_type="text/plain"), "transport", True, {"malformed": True}),
    ("reset-before-headers", Reset(), "transport", True, {}),
    ("closed-before-headers", Truncate(clean=False), "transport", True, {}),
]  # fmt: skip


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "start"])
@pytest.mark.parametrize(
    ("does", "category", "retryable", "details"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
async def test_a_failure_has_its_category_and_is_one_request(
    does: Any,
    category: str,
    retryable: bool,
    details: dict[str, Any],
    stream: bool,
    request_to: Ask,
    backend_at: BackendAt,
) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        server.add("row", Scenario.always(does))
        error = await failed(backend, request_to("simulated:row"), stream)
        assert (error.category, error.retryable) == (category, retryable), error.to_payload()
        assert details.items() <= error.details.items()
        assert error.message
        assert server.statistics()["requests"] == 1


# Against the rules of both protocols: a block that never began, and a piece of a tool call that is none.
MISPLACED = {"type": "content_block_stop", "index": 99, "choices": [{"delta": {"tool_calls": [1]}}]}
IN_STREAM: list[tuple[str, Any, str, bool, dict[str, Any]]] = [
    ("overloaded", StreamError("overloaded_error"), "provider", True, {"error_type": "overloaded_error"}),
    ("api", StreamError("api_error"), "provider", True, {"error_type": "api_error"}),
    ("rate-limit", StreamError("rate_limit_error"), "provider", True, {"error_type": "rate_limit_error"}),
    ("auth", StreamError("authentication_error"), "auth", False, {}),
    ("permission", StreamError("permission_error"), "auth", False, {}),
    ("invalid", StreamError("invalid_request_error"), "provider", False, {}),
    ("truncated", Truncate(), "transport", True, {"truncated": True}),
    ("disconnected", Truncate(clean=False), "transport", True, {}),
    ("reset", Reset(), "transport", True, {}),
    ("no-json", Raw("data: {half\n\n"), "transport", True, {"malformed": True}),
    ("no-object", Raw("data: 1\n\n"), "transport", True, {"malformed": True}),
    ("no-such-block", Raw(f"data: {json.dumps(MISPLACED)}\n\n"), "transport", True, {"malformed": True}),
]


@pytest.mark.parametrize(
    ("does", "category", "retryable", "details"), [row[1:] for row in IN_STREAM], ids=[row[0] for row in IN_STREAM]
)
async def test_a_failure_in_the_stream_keeps_what_was_there(
    does: Any,
    category: str,
    retryable: bool,
    details: dict[str, Any],
    spoken: str,
    request_to: Ask,
    backend_at: BackendAt,
) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        (answer,) = HALF.attempts
        assert isinstance(answer, Answer)
        (text,) = answer.steps
        assert isinstance(text, Text)
        pieces = (*text.pieces[:2], does, *text.pieces[2:])
        server.add("row", Scenario.answer(Text(pieces), split=True))
        seen: list[str] = []
        error = await failed_while_reading(backend, request_to("simulated:row"), seen)
        assert (error.category, error.retryable) == (category, retryable), error.to_payload()
        assert error.partial_text == "".join(seen) == "one two "
        if spoken == "simulated":  # OpenAI has other words for its errors, and tells the usage last
            assert details.items() <= error.details.items()
            assert error.usage is not None
            assert error.usage.input_tokens is not None
        assert server.statistics()["requests"] == 1


async def test_an_error_body_with_status_200_is_an_error(request_to: Ask, backend_at: BackendAt) -> None:
    body = '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    async with serve() as server, backend_at(server.url) as backend:
        server.add("row", Scenario.always(Page(body, content_type="application/json")))
        error = await failed(backend, request_to("simulated:row"), stream=False)
        assert (error.category, error.message) == ("provider", "busy")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"type":"message"}', '{"type":"message","content":[1]}', "{"])
async def test_a_body_that_is_no_message_is_a_transport_error(
    body: str, request_to: Ask, backend_at: BackendAt
) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        server.add("row", Scenario.always(Page(body, content_type="application/json")))
        assert (await failed(backend, request_to("simulated:row"), stream=False)).category == "transport"


@pytest.mark.parametrize("body", ["", "garbage\n\n", ": only a comment\n\n", "data: {}\n\n"])
async def test_a_stream_that_holds_no_answer_is_no_success(body: str, request_to: Ask, backend_at: BackendAt) -> None:
    """W-13."""
    async with serve() as server, backend_at(server.url) as backend:
        server.add("row", Scenario.always(Page(body, content_type="text/event-stream")))
        assert (await failed(backend, request_to("simulated:row"))).category == "transport"


async def test_images_and_documents_reach_the_server(spoken: str, request_to: Ask, backend_at: BackendAt) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    blocks = [{"type": "text", "text": "see "}, {"type": "image", "source": source}]
    blocks.append({"type": "document", "source": source})
    async with serve() as server, backend_at(server.url) as backend:
        request = request_to("simulated:echo", messages=[{"role": "user", "content": blocks}])
        shown = "see [image][document]" if spoken == "simulated" else "see [image_url][file]"
        for stream in (True, False):
            assert shown in (await answered(backend, request, stream)).text


async def test_the_attempts_of_one_effect_are_told_apart(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        for _ in range(2):
            assert (await failed(backend, request_to("simulated:flaky-503"))).status == 503
        assert (await answered(backend, request_to("simulated:flaky-503"), stream=True)).status == "completed"
        assert [exchange.attempt for exchange in server.requests] == [1, 2, 3]


@pytest.mark.parametrize("spoken", ["simulated"], indirect=True)
async def test_options_and_system_prompt_reach_the_server(request_to: Ask, backend_at: BackendAt) -> None:
    options = {"temperature": 0.5, "top_k": 3, "max_tokens": 7, "stop_sequences": ["x"], "betas": ["b-1"]}
    async with serve() as server, backend_at(server.url) as backend:
        for stream in (True, False):
            request = request_to("simulated:echo", system_prompt="Be brief.", options=options)
            await answered(backend, request, stream)
            body = server.requests[-1].body
            assert body is not None
            assert {name: body[name] for name in options if name != "betas"}.items() <= body.items()
            assert body["temperature"] == 0.5
            assert (body["system"], body["model"], body.get("stream", False)) == ("Be brief.", "echo", stream)
            assert server.requests[-1].headers["anthropic-beta"] == "b-1"


@pytest.mark.parametrize(
    ("asked", "category", "field"),
    [
        ({"options": {"temprature": 1}}, "config", "options.temprature"),
        ({"model": "antropic:x"}, "config", "model"),
        ({"model": "x", "provider": "nowhere"}, "config", "provider"),
        ({"model": None}, "config", "model"),
        ({"model": "anthropic:claude-haiku-5-5"}, "auth", "ANTHROPIC_API_KEY"),
        ({"messages": [{"role": "user", "content": ""}]}, "config", "messages"),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_any_request(
    asked: dict[str, Any],
    category: str,
    field: str,
    request_to: Ask,
    backend_at: BackendAt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    async with serve() as server, backend_at(server.url) as backend:
        request = LLMRequest.model_validate({**request_to("simulated:echo").model_dump(), **asked})
        for stream in (True, False):
            error = await failed(backend, request, stream)
            assert (error.category, error.retryable, error.details["field"]) == (category, False, field)
        assert server.statistics()["requests"] == 0
    if category == "auth":
        assert "ANTHROPIC_API_KEY" in error.message
        assert "simulated:story" in error.message


async def test_leaving_a_stream_closes_its_connection(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        async with backend.stream(request_to("simulated:slow")) as events:
            async for event in events:
                if event.delta:
                    break
        exchange = server.requests[0]
        with anyio.fail_after(5):
            await exchange.closed.wait()
        assert exchange.closed_by == "client"
        assert exchange.outcome == "client_closed"


@pytest.mark.parametrize("model", ["slow", "stall", "stall-first", "stall-headers", "late"])
async def test_a_cancel_from_outside_closes_the_connection_at_once(
    model: str, request_to: Ask, backend_at: BackendAt
) -> None:
    async with serve() as server, backend_at(server.url) as backend, anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()

        async def read() -> None:
            with scope:
                await streamed(backend, request_to(f"simulated:{model}"))

        tasks.start_soon(read)
        with anyio.fail_after(5):
            exchange = await server.arrived(1)
            scope.cancel()
            await exchange.closed.wait()
        assert exchange.closed_by == "client"


async def test_cancel_by_reference_ends_the_stream_with_what_it_had(
    spoken: str, request_to: Ask, backend_at: BackendAt
) -> None:
    async with serve() as server, backend_at(server.url) as backend, anyio.create_task_group() as tasks:
        refs: list[str] = []
        caught: list[LLMError] = []
        first = anyio.Event()

        async def read() -> None:
            try:
                async with backend.stream(request_to("simulated:stall")) as events:
                    async for event in events:
                        if event.lifecycle == "started":
                            refs.append(event.metadata["execution_ref"])
                        if event.delta:
                            first.set()
            except LLMError as error:
                caught.append(error)

        tasks.start_soon(read)
        with anyio.fail_after(5):
            await first.wait()
            await backend.cancel(refs[0])
            await server.requests[0].closed.wait()
    assert [(error.category, error.retryable) for error in caught] == [("canceled", False)]
    assert caught[0].partial_text
    assert (caught[0].usage is not None) == (spoken == "simulated")


async def test_a_reference_that_runs_nothing_is_a_config_error(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        events = await streamed(backend, request_to("simulated:echo"))
        for ref in ("nonsense", events[0].metadata["execution_ref"]):
            with pytest.raises(LLMError) as caught:
                await backend.cancel(ref)
            assert caught.value.category == "config"


async def test_connections_are_used_again(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        for _ in range(3):
            await streamed(backend, request_to("simulated:burst-200"))
            await backend.start(request_to("simulated:echo"))
            async with backend.stream(request_to("simulated:echo")) as events:
                async for event in events:
                    if event.lifecycle == "completed":
                        break
        assert server.statistics()["connections"]["accepted"] == 1


async def test_a_hundred_canceled_streams_leave_nothing_open(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        await backend.start(request_to("simulated:echo"))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(100):
            async with backend.stream(request_to("simulated:stall")) as events:
                await anext(events)
        with anyio.fail_after(5):
            for exchange in list(server.requests)[1:]:
                await exchange.closed.wait()
        assert len(os.listdir("/proc/self/fd")) <= before


async def test_the_simulator_starts_by_itself_and_ends_with_the_backend(request_to: Ask) -> None:
    async with open_backend("jido_ai", Settings()) as backend:
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(answered, backend, request_to("simulated:echo", effect=f"e{number}"), True)
        result = await backend.start(request_to("simulated:echo"))
    assert result.text.startswith("I received 1 message")


async def test_the_effect_is_named_to_the_simulator_only(
    request_to: Ask, backend_at: BackendAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f" {CANARY}\n")
    providers: dict[str, Any] = {}
    async with serve() as server:
        providers["anthropic"] = {"base_url": server.url}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": providers}}}})
        async with open_backend("jido_ai", settings) as backend:
            server.add("claude-x", CATALOGUE["echo"].needing(CANARY))
            result = await backend.start(request_to("claude-x"))
            assert (result.provider, result.model) == ("anthropic", "claude-x")
            assert "x-jido-effect" not in server.requests[-1].headers
        async with backend_at(server.url) as backend:
            await backend.start(request_to("simulated:echo"))
            assert server.requests[-1].effect == "e"


async def test_a_key_that_is_set_later_works(request_to: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as server:
        server.add("claude-x", CATALOGUE["echo"].needing(CANARY))
        table = {"anthropic": {"base_url": server.url}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
        async with open_backend("jido_ai", settings) as backend:
            for key, category in [("", "auth"), ("wrong-key", "auth"), (CANARY, None)]:
                monkeypatch.setenv("ANTHROPIC_API_KEY", key)
                if category:
                    assert (await failed(backend, request_to("claude-x"))).category == category
                else:
                    assert (await backend.start(request_to("claude-x"))).status == "completed"


@pytest.mark.parametrize("key", [CANARY, f"{CANARY}\r\nx: y", f"{CANARY}…"])
async def test_the_key_is_in_no_error(key: str, request_to: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    async with serve() as server:
        server.add(
            "claude-x", Scenario.always(Status(401, f"invalid x-api-key {CANARY}; Authorization: Bearer {CANARY}"))
        )
        table = {"anthropic": {"base_url": server.url, "headers": {"x-mine": "mysecretheader"}}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
        async with open_backend("jido_ai", settings) as backend:
            error = await failed(backend, request_to("claude-x"))
            shown = repr(error) + str(error) + repr(error.to_payload()) + repr(error.__cause__)
            assert CANARY not in shown
            assert error.__suppress_context__


@pytest.mark.parametrize("stream", [True, False])
async def test_a_server_that_is_not_there_is_a_transport_error(
    stream: bool, request_to: Ask, backend_at: BackendAt
) -> None:
    async with serve() as server:
        url = server.url
    async with backend_at(url) as backend:
        error = await failed(backend, request_to("simulated:echo"), stream)
        assert (error.category, error.retryable, error.details["reason"]) == ("transport", True, "econnrefused")


async def test_a_server_without_tls_is_a_transport_error(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url.replace("http:", "https:")) as backend:
        error = await failed(backend, request_to("simulated:echo"))
        assert (error.category, error.retryable) == ("transport", True)


async def test_a_proxy_of_the_environment_is_not_asked_for_the_simulator(
    request_to: Ask, backend_at: BackendAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serve() as server, backend_at(server.url) as backend:
        assert (await backend.start(request_to("simulated:echo"))).status == "completed"


async def test_a_failure_of_the_reader_is_its_own(request_to: Ask, backend_at: BackendAt) -> None:
    async with serve() as server, backend_at(server.url) as backend:
        with pytest.raises(ZeroDivisionError):
            await divided(backend, request_to("simulated:story"))
        await server.requests[0].closed.wait()
