"""What an attempt that was cut off had written of a tool call counts as output, like its text."""

import anyio
import pytest

from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.scenario import Scenario
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Stall, Text, ToolUse, Truncate

pytestmark = pytest.mark.anyio
ARGUMENTS = ToolUse.of("search", {"words": "x" * 400})
WRITTEN = len("so ") + sum(len(piece) for piece in ARGUMENTS.pieces if isinstance(piece, str))


@pytest.mark.parametrize("spoken", ["simulated", "simulated_openai"])
@pytest.mark.parametrize("broken", [True, False], ids=["cut off", "canceled"])
async def test_arguments_count_in_the_usage_of_an_attempt_that_did_not_end(spoken, broken, at_rest):
    async with serve() as server:
        server.add("m", Scenario.answer(ARGUMENTS, Text.of(["so "]), Truncate() if broken else Stall()))
        table = {spoken: {"base_url": server.url + ("/v1" if spoken == "simulated_openai" else "")}}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": table}}}})
        async with open_runtime(settings) as runtime:
            with anyio.fail_after(20):
                chat = runtime.conversation("c1")
                turn = await chat.send("go on", model=f"{spoken}:m", effect_policy={"max_attempts": 1})
                if not broken:
                    async for _ in turn:
                        if turn.text:  # which comes behind the arguments
                            break
                    await turn.cancel()
                await turn.wait()
            await at_rest(runtime)
        assert turn.status == ("failed" if broken else "canceled")
        assert turn.usage.output_tokens == -(-WRITTEN // 4)
