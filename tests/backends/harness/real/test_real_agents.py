"""Claude Code and Codex themselves, from a question to the frames, against the simulator."""

from typing import Any

import pytest

from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.cancels import cancels_df
from jido_nb.analysis.frames.tools import tools_df
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.scenario import Answer, Scenario, Status, Tokens
from jido_nb.simulator.steps import Reset, Text

from .conftest import SLEEP, WHOLE, Bench, Open, said_in, until_asleep, until_streaming

pytestmark = pytest.mark.anyio

AGENTS = [
    pytest.param("claude", marks=pytest.mark.needs("claude")),
    pytest.param("codex", marks=pytest.mark.needs("codex")),
    pytest.param("codex-app-server", marks=pytest.mark.needs("codex")),
]
every_agent = pytest.mark.parametrize("agent", AGENTS)

ANSWER = Answer((Text.of("The answer comes in a few small pieces.", pause_ms=5),))
TOKENS = Tokens(input=100, output=20, cache_read=30, cache_write=0)


async def told(bench: Bench, *keys: str) -> list[Any]:
    """These values of every lifecycle signal that has them all."""
    found = [signal.data for signal in await bench.log()]
    return [tuple(data[key] for key in keys) for data in found if all(key in data for key in keys)]


async def failure_of(turn: Turn) -> GenerationFailed:
    with pytest.raises(GenerationFailed) as caught:
        await turn.result()
    return caught.value


@every_agent
async def test_an_answer_streams_and_is_paid_for(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        bench.server.add("m", Scenario((ANSWER,)).answering(tokens=TOKENS))
        turn = await bench.chat("m").send("What is it?")
        result = await turn.result()
        assert result.text == turn.text == ANSWER.text
        assert (result.usage.input_tokens, result.usage.cache_read_tokens, result.usage.output_tokens) == (100, 30, 20)
        assert [(one.outcome, one.model) for one in bench.asked] == [("completed", "m")]
        frame = attempts_df(await bench.runtime.events())
        deltas = await told(bench, "token_delta")
    assert len(deltas) == 1 if agent in WHOLE else len(deltas) > 1
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["backend"], row["provider"], row["outcome"], row["input_tokens"]) == (
        "harness",
        agent,
        "completed",
        100,
    )


@every_agent
async def test_thinking_is_told_apart(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        result = await (await bench.chat("thinking").send("How many?")).result()
        expected = bench.server.scenarios["thinking"].attempts[0]
        assert isinstance(expected, Answer)
        assert (result.text, result.thinking) == (expected.text, expected.thinking)


@every_agent
async def test_a_tool_really_runs_and_the_model_hears_of_it(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        turn = await bench.chat("shell").send("Please run `echo made-$((40 + 2)) | tee made.txt`.")
        result = await turn.result()
        assert (bench.work / "made.txt").read_text() == "made-42\n"
        assert "made-42" in result.text
        (call,) = result.tool_calls
        assert (call.status, call.kind) == ("completed", "server")
        assert "made-42" in str(call.output)
        assert "tee made.txt" in str(call.arguments)
        statuses = [status for (status,) in await told(bench, "tool_status")]
        frame = tools_df(await bench.runtime.events())
    assert statuses[-2:] == ["running", "completed"]
    assert [(row["tool"], row["status"]) for _, row in frame.iterrows()] == [(call.name, "completed")]
    assert "made-42" in frame.iloc[0]["output"]
    assert len(bench.asked) == 2


@pytest.mark.parametrize(
    ("agent", "careful"),
    [
        pytest.param("claude", {"allowed_tools": []}, marks=pytest.mark.needs("claude")),
        pytest.param("codex-app-server", {"permission_mode": "read-only"}, marks=pytest.mark.needs("codex")),
    ],
)
async def test_what_nobody_allowed_is_not_done(agent: str, careful: dict[str, Any], bench: Open) -> None:
    async with bench(agent, **careful) as bench:
        result = await (await bench.chat("shell").send("Please run `touch made.txt`.")).result()
        assert not (bench.work / "made.txt").exists()
    said = {call.status for call in result.tool_calls}
    # How a sandbox refuses depends on what the machine has for one.
    assert said == {"denied"} if agent == "claude" else said <= {"denied", "failed"}


@every_agent
async def test_a_wrong_key_is_an_auth_error_and_is_not_tried_again(agent: str, bench: Open) -> None:
    async with bench(agent, max_retries=0) as bench:
        failure = await failure_of(await bench.chat("unauthorized").send("hi"))
        frame = attempts_df(await bench.runtime.events())
    assert (failure.error.category, failure.error.status, failure.attempts) == ("auth", 401, 1)
    assert list(frame["http_status"]) == [401]


@every_agent
async def test_a_busy_service_is_tried_again_with_a_new_run(agent: str, bench: Open) -> None:
    async with bench(agent, max_retries=0) as bench:
        turn = await bench.chat("flaky-503").send("hi")
        assert (await turn.result()).text
        assert [one.status for one in bench.asked] == [503, 503, 200]
        frame = attempts_df(await bench.runtime.events())
        sessions = {session for (session,) in await told(bench, "session_id")}
    assert list(frame["outcome"]) == ["retried", "retried", "completed"]
    assert list(frame["http_status"])[:2] == [503, 503]
    assert len(sessions) > 1


@every_agent
async def test_what_the_agent_tries_again_by_itself_is_told_and_no_attempt_of_ours(agent: str, bench: Open) -> None:
    async with bench(agent, max_retries=1) as bench:
        bench.server.add("m", Scenario((ANSWER,)).after(Status(503)))
        turn = await bench.chat("m").send("hi")
        assert (await turn.result()).text == ANSWER.text
        retries = await told(bench, "agent_attempt", "error_category")
    assert [one.status for one in bench.asked] == [503, 200]
    assert turn.attempts == 1
    assert retries == [(1, "provider")]


@every_agent
async def test_a_stream_that_breaks_and_is_begun_again_leaves_the_answer_once(agent: str, bench: Open) -> None:
    async with bench(agent, max_retries=1) as bench:
        bench.server.add("m", Scenario((ANSWER,)).after(ANSWER.breaking(Reset(), after=4)))
        turn = await bench.chat("m").send("hi")
        assert (await turn.result()).text == turn.text == ANSWER.text
        assert [one.outcome for one in bench.asked] == ["broken", "completed"]
        said = [entry.content for entry in await bench.chat("m").timeline() if entry.kind == "delta"]
    assert "".join(said) == ANSWER.text


@every_agent
async def test_a_stream_that_always_breaks_is_a_transport_error(agent: str, bench: Open) -> None:
    async with bench(agent, max_retries=0, effects={"max_attempts": 1}) as bench:
        bench.server.add("m", Scenario((ANSWER,)).breaking(Reset(), after=4))
        failure = await failure_of(await bench.chat("m").send("hi"))
        await bench.left_in_peace()
    assert (failure.error.category, failure.error.retryable) == ("transport", True)


@every_agent
async def test_a_cancel_while_it_streams_ends_process_and_connection(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        chat = bench.chat("slow")
        turn = await chat.send("Tell me a story.")
        await until_streaming(bench, turn, "slow")
        assert await turn.cancel("enough", requested_by="test")
        with pytest.raises(GenerationCanceled, match="enough"):
            await turn.result()
        await bench.left_in_peace()
        (asked,) = bench.asked
        assert (asked.outcome, asked.closed_by) == ("client_closed", "client")
        frame = cancels_df(await bench.runtime.events())
        attempts = attempts_df(await bench.runtime.events())
        last = (await bench.log())[-1]
    assert list(frame["backend_cancel"]) == ["ok"]
    assert last.type.endswith(".canceled")
    assert last.data["backend_cancel_details"].keys() >= {"rung", "swept", "exit_code"}
    assert bool(turn.text) is (agent not in WHOLE)
    if agent == "claude":
        # What was cut off was asked all the same.
        assert attempts.iloc[0]["input_tokens"] > 0


@every_agent
async def test_a_cancel_while_a_tool_runs_leaves_no_process(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        turn = await bench.chat("shell").send(f"Please run `{SLEEP}`.")
        await until_asleep(bench, turn)
        assert await turn.cancel("enough")
        with pytest.raises(GenerationCanceled):
            await turn.result()
        await bench.left_in_peace()
        last = (await bench.log())[-1]
        frame = attempts_df(await bench.runtime.events())
    assert last.data["backend_cancel"] == "ok"
    assert list(frame["outcome"]) == ["canceled"]
    if agent == "claude":
        # Codex tells what it has used when the tool has ended.
        assert frame["input_tokens"].notna().all()


@every_agent
async def test_the_next_turn_goes_on_with_the_session(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        bench.server.add("m", Scenario((ANSWER,)).answering(tokens=TOKENS))
        first = await (await bench.chat("m").send("Remember the word marzipan.")).result()
        turn = await bench.chat("m").send("Which word?")
        second = await turn.result()
        heard = [said_in(one.body) for one in bench.asked]
    assert second.metadata["session_id"] == first.metadata["session_id"]
    assert heard[1].count("marzipan") == 1
    assert heard[1].index("marzipan") < heard[1].index(ANSWER.text) < heard[1].index("Which word?")
    # Also where an agent counts up over its session.
    assert (second.usage.input_tokens, second.usage.output_tokens) == (100, 20)


@every_agent
async def test_a_canceled_session_can_be_gone_on_with(agent: str, bench: Open) -> None:
    async with bench(agent) as bench:
        turn = await bench.chat("shell").send(f"Remember marzipan, and run `{SLEEP}`.")
        await until_asleep(bench, turn)
        await turn.cancel()
        with pytest.raises(GenerationCanceled):
            await turn.result()
        bench.server.add("m", Scenario((ANSWER,)))
        result = await (await bench.chat("m").send("Which word?")).result()
        heard = said_in(bench.asked[-1].body)
        sessions = {session for (session,) in await told(bench, "session_id")}
    assert result.text == ANSWER.text
    assert "marzipan" in heard
    assert sessions == {result.metadata["session_id"]}
