"""The next turn sends an answer back as its provider gave it, and to others as text."""

import anyio
import pytest

from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Thinking

pytestmark = pytest.mark.anyio


async def test_thinking_goes_back_with_its_signature_to_the_provider_that_thought_it(journal, at_rest):
    async with serve() as server:
        urls = {"simulated": {"base_url": server.url}, "simulated_openai": {"base_url": f"{server.url}/v1"}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": urls}}}})
        async with open_runtime(settings, journal) as runtime:
            chat = runtime.conversation("c1")
            with anyio.fail_after(20):
                for model in ("simulated:thinking", "simulated:redacted", "simulated:tools", "simulated_openai:echo"):
                    await (await chat.send("go on", model=model)).result()
                last = await (await chat.send("go on", model="simulated:echo")).result()
            assert last.status == "completed"
            await at_rest(runtime)
        kinds = [
            [block["type"] for block in message["content"]] if isinstance(message["content"], list) else "text"
            for message in server.requests[-1].body["messages"]
            if message["role"] == "assistant"
        ]
        assert kinds == [["thinking", "text"], ["redacted_thinking", "text"], ["text"], "text"]
        thought = server.requests[-1].body["messages"][1]["content"][0]
        assert thought["signature"] == Thinking(()).signature
        others = [message["content"] for message in server.requests[-2].body["messages"]]
        assert all(isinstance(content, str) for content in others)
