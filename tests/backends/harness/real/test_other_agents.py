"""OpenCode and Gemini CLI themselves, where they are installed: an answer, a tool, cancels, a session."""

import shutil

import pytest

from jido_nb.llm.error import GenerationCanceled
from jido_nb.simulator.scenario import Answer, Scenario
from jido_nb.simulator.steps import Text

from .conftest import OTHERS, SLEEP, Open, said_in, until_asleep, until_streaming

pytestmark = pytest.mark.anyio

ANSWER = Answer((Text.of("The answer comes in a few small pieces.", pause_ms=5),))
AGENTS = [f"{program}{wire}" for program in OTHERS if shutil.which(program) for wire in ("", "-acp")]
every_agent = pytest.mark.parametrize("agent", AGENTS)


@every_agent
async def test_it_answers_and_goes_on_with_its_session(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        for name in ("m", "title"):
            bench.server.add(name, Scenario((ANSWER,)))
        first = await (await bench.chat("m").send("Remember the word marzipan.")).result()
        second = await (await bench.chat("m").send("Which word?")).result()
        heard = [said_in(one.body) for one in bench.asked if one.model == "m"]
    assert first.text == second.text == ANSWER.text
    if agent != "gemini-acp":
        # That one forgets a session with its process, and is told the conversation in a new one.
        assert second.metadata["session_id"] == first.metadata["session_id"]
    assert heard[-1].index("marzipan") < heard[-1].index(ANSWER.text) < heard[-1].index("Which word?")


@every_agent
async def test_its_tools_really_run(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        bench.server.add("title", Scenario((ANSWER,)))
        turn = await bench.chat("shell").send("Please run `expr 40 + 2 | tee made.txt`.")
        result = await turn.result()
        assert (bench.work / "made.txt").read_text() == "42\n"
    assert "42" in result.text
    (call,) = result.tool_calls
    assert call.status == "completed"


@every_agent
async def test_a_cancel_while_it_streams_ends_process_and_connection(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        bench.server.add("title", Scenario((ANSWER,)))
        turn = await bench.chat("slow").send("Tell me a story.")
        await until_streaming(bench, turn, "slow")
        assert await turn.cancel("enough")
        with pytest.raises(GenerationCanceled, match="enough"):
            await turn.result()
        await bench.left_in_peace()


@every_agent
async def test_a_cancel_while_a_tool_runs_leaves_no_process(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        bench.server.add("title", Scenario((ANSWER,)))
        turn = await bench.chat("shell").send(f"Please run `{SLEEP}`.")
        await until_asleep(bench, turn)
        assert await turn.cancel("enough")
        with pytest.raises(GenerationCanceled):
            await turn.result()
        await bench.left_in_peace()
