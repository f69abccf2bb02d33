"""A changed API key opens a connection of its own; the one before is closed as soon as nobody uses it."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest

from jido_nb.backends.jido_ai.backend import open_jido_ai
from jido_nb.llm.backend import Backend
from jido_nb.llm.error import LLMError
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings
from jido_nb.simulator.scenario import Scenario
from jido_nb.simulator.server import Server, serve
from jido_nb.simulator.steps import Hold, Reset, Text

from .asking import answered

pytestmark = pytest.mark.anyio

KEYS = 4


@pytest.fixture(params=["anthropic", "openai", "pydantic_ai:openai-chat"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def keyed(server: Server, kind: str, environ: MutableMapping[str, str]) -> AsyncIterator[Backend]:
    """A backend whose only provider takes its key from `environ`."""
    url = server.url + "/v1" * (kind != "anthropic")
    table = {"mine": {"kind": kind, "base_url": url, "api_key_env": "MINE"}}
    settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
    async with open_jido_ai(settings, environ) as backend:
        yield backend


def ask(model: str) -> LLMRequest:
    asked = {"request_id": "r", "conversation_id": "c", "backend": "jido_ai", "model": f"mine:{model}"}
    return LLMRequest.model_validate({**asked, "messages": [{"role": "user", "content": "hi"}]})


async def open_comes_to(server: Server, number: int) -> None:
    with anyio.fail_after(20):
        while server.statistics()["connections"]["open"] != number:  # noqa: ASYNC110 - the server tells nobody
            await anyio.sleep(0.002)


async def test_however_many_keys_there_were_one_connection_is_open(kind: str) -> None:
    environ = {"MINE": "k"}
    async with serve() as server, keyed(server, kind, environ) as backend:
        for number in range(KEYS):
            environ["MINE"] = f"key-{number}"
            await answered(backend, ask("echo"), stream=bool(number % 2))
        assert server.statistics()["connections"]["accepted"] == KEYS
        await open_comes_to(server, 1)
        await answered(backend, ask("echo"))
        assert server.statistics()["connections"]["accepted"] == KEYS


async def test_a_key_that_is_missing_for_a_while_closes_nothing(kind: str) -> None:
    environ = {"MINE": "k"}
    async with serve() as server, keyed(server, kind, environ) as backend:
        await answered(backend, ask("echo"))
        environ["MINE"] = ""
        with pytest.raises(LLMError, match="MINE"):
            await answered(backend, ask("echo"))
        environ["MINE"] = "k"
        await answered(backend, ask("echo"))
        assert server.statistics()["connections"] == {"open": 1, "accepted": 1}


@pytest.mark.parametrize("ending", ["completes", "breaks", "is left", "is canceled"])
async def test_who_streams_with_the_key_before_goes_on_and_its_connection_goes_with_it(kind: str, ending: str) -> None:
    environ = {"MINE": "old"}
    first, go_on = anyio.Event(), anyio.Event()
    async with serve() as server, keyed(server, kind, environ) as backend, anyio.create_task_group() as tasks:
        server.add("held", Scenario.answer(Text.of("a"), Hold(go_on), *([Reset()] if ending == "breaks" else ())))
        said: list[str] = []
        scope = anyio.CancelScope()

        async def read() -> None:
            with scope:
                try:
                    async with backend.stream(ask("held")) as events:
                        async for event in events:
                            said.append(event.delta)
                            if event.delta:
                                first.set()
                                if ending == "is left":
                                    await go_on.wait()
                                    break
                except LLMError as error:
                    said.append(error.category)
            said.append("over")

        tasks.start_soon(read)
        with anyio.fail_after(20):
            await first.wait()
        environ["MINE"] = "new"
        for stream in (True, False):
            await answered(backend, ask("echo"), stream)
        assert "over" not in said
        await open_comes_to(server, 2)
        if ending == "is canceled":
            scope.cancel()
        else:
            go_on.set()
        await open_comes_to(server, 1)
        await answered(backend, ask("echo"))
        assert server.statistics()["connections"]["accepted"] == 2
    assert said[-1] == "over"
    assert "".join(said) == "atransportover" if ending == "breaks" else "aover"


async def test_a_backend_that_closes_closes_what_is_still_in_use_too(kind: str) -> None:
    environ = {"MINE": "old"}
    async with serve() as server:
        server.add("held", Scenario.answer(Text.of("a"), Hold(anyio.Event())))
        async with AsyncExitStack() as reader, keyed(server, kind, environ) as backend:
            events = await reader.enter_async_context(backend.stream(ask("held")))
            await anext(events)
            environ["MINE"] = "new"
            await answered(backend, ask("echo"))
        await open_comes_to(server, 0)
