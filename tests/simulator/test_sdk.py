"""The official SDK, unchanged, against the simulator."""

from typing import Any

import anyio
import pytest
from anthropic import APIConnectionError, APIStatusError, AsyncAnthropic
from anthropic.types import Message

from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.scenario import Answer, Scenario, Status
from jido_nb.simulator.server import Server, serve
from jido_nb.simulator.steps import Thinking, ToolUse

pytestmark = pytest.mark.anyio


def sdk(server: Server) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=server.url, api_key="canary-key", max_retries=0, timeout=10)


async def answer(client: AsyncAnthropic, body: dict[str, Any], stream: bool) -> Message:
    if not stream:
        message: Message = await client.messages.create(**body)
        return message
    async with client.messages.stream(**body) as events:
        return await events.get_final_message()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "reason", "blocks"),
    [
        ("thinking", "end_turn", ["thinking", "text"]),
        ("redacted", "end_turn", ["redacted_thinking", "text"]),
        ("tools", "tool_use", ["text", "tool_use"]),
        ("echo", "end_turn", ["text"]),
        ("cached", "end_turn", ["text"]),
        ("max-tokens", "max_tokens", ["text"]),
        ("refusal", "refusal", ["text"]),
        ("empty", "end_turn", []),
        ("international", "end_turn", ["text"]),
        ("hostile", "end_turn", ["text"]),
        ("burst-200", "end_turn", ["text"]),
    ],
)
async def test_the_sdk_understands_every_answer(
    name: str, reason: str, blocks: list[str], stream: bool, ask: Any
) -> None:
    async with serve() as server, sdk(server) as client:
        message = await answer(client, ask(name), stream)
        assert message.stop_reason == reason
        assert [block.type for block in message.content] == blocks
        assert message.model == name
        (attempt,) = CATALOGUE[name].attempts
        if isinstance(attempt, Answer):
            assert "".join(block.text for block in message.content if block.type == "text") == attempt.text
            for block in message.content:
                if block.type == "thinking":
                    assert (block.thinking, block.signature) == (attempt.thinking, Thinking(()).signature)
                if block.type == "tool_use":
                    assert (block.name, block.input) == ("get_weather", {"city": "Lisbon", "unit": "celsius"})
        if name == "cached":
            usage = message.usage
            assert (usage.input_tokens, usage.output_tokens) == (12, 20)
            assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (2048, 512)
        assert "canary-key" not in repr(server.requests)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 504, 529])
async def test_the_sdk_raises_for_every_error_status(code: int, stream: bool, ask: Any) -> None:
    async with serve() as server, sdk(server) as client:
        server.add("m", Scenario.always(Status(code)))
        with pytest.raises(APIStatusError) as error:
            await answer(client, ask("m"), stream)
        assert error.value.status_code == code
        assert error.value.request_id == "req_sim_000001"
        assert len(server.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdk_reports_a_reset_before_the_headers(stream: bool, ask: Any) -> None:
    async with serve() as server, sdk(server) as client:
        with pytest.raises(APIConnectionError):
            await answer(client, ask("reset-headers"), stream)


async def test_the_served_model_may_be_another_one(ask: Any) -> None:
    async with serve() as server, sdk(server) as client:
        server.add("alias", Scenario.text("x").answering(served_model="alias-20260101"))
        for stream in (False, True):
            assert (await answer(client, ask("alias"), stream)).model == "alias-20260101"


async def test_broken_tool_input_reaches_the_client_as_it_is(ask: Any) -> None:
    async with serve() as server, sdk(server) as client:
        server.add("m", Scenario.answer(ToolUse("t", ('{"a": ', "1, "))))
        message = await answer(client, ask("m"), True)
        (block,) = message.content
        assert block.type == "tool_use"
        assert block.input == {"a": 1}


async def test_the_sdk_lists_the_models() -> None:
    async with serve() as server, sdk(server) as client:
        page = await client.models.list()
        assert [model.id for model in page.data] == list(CATALOGUE)


# On asyncio only: the SDK drops its generators without closing them, which trio reports.
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_leaving_a_stream_closes_the_connection(ask: Any) -> None:
    async with serve() as server, sdk(server) as client:
        async with client.messages.stream(**ask("stall")) as events:
            async for text in events.text_stream:
                assert text
                break
        exchange = await server.arrived(1)
        with anyio.fail_after(10):
            await exchange.closed.wait()
        assert exchange.closed_by == "client"
