"""Budgets of effects and conversations, at work."""

import anyio
import pytest

from jido_nb.core.budget import Budget
from jido_nb.errors import ConfigError, ContractError
from jido_nb.llm.error import GenerationFailed, from_status
from jido_nb.llm.settings import Settings
from jido_nb.llm.usage import Cost, Usage
from jido_nb.runtime.adapters import message_received
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, Started, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

pytestmark = pytest.mark.anyio

BUSY = Fail(from_status(503, "busy"))
TEN = Usage(input_tokens=6, output_tokens=4)
ANSWER = [Started(), Delta("hello"), Complete({"usage": TEN})]


def dollar(provider, model, usage):
    return Cost(0.1 * usage.total_tokens)


# Each row: the budget, the first attempts, the story, and (budget, cap, used) of the ending.
SPENT = [
    ({"attempts": 2}, [BUSY], ["started@1", "retrying@1", "retry_attempt_started@2", "failed@2"], ("attempts", 2, 2)),
    ({"attempts": 1}, [BUSY], ["started@1", "failed@1"], ("attempts", 1, 1)),
    ({"tokens": 10}, [Started(usage=TEN), BUSY], ["started@1", "failed@1"], ("tokens", 10, 10)),
    (
        {"tokens": 20},
        [Started(usage=TEN), BUSY],
        ["started@1", "retrying@1", "retry_attempt_started@2", "failed@2"],
        ("tokens", 20, 20),
    ),
    ({"cost_usd": 0.5}, [Started(usage=TEN), BUSY], ["started@1", "failed@1"], ("cost_usd", 0.5, 1.0)),
    ({"wall_ms": 100}, [Wait()], ["started@1", "failed@1"], ("wall_ms", 100, 100)),
]


@pytest.mark.parametrize(
    ("budget", "script", "story", "spent", "stream"),
    # An answer that comes whole tells its usage with the answer, so what failed has told none.
    [(*row, stream) for row in SPENT for stream in (True, False) if stream or not isinstance(row[1][0], Started)],
)
async def test_a_spent_budget_ends_the_effect(budget, script, story, spent, stream):
    effect = ScriptedEffect(script, policy={"budget": budget, "max_attempts": 9}, stream=stream, price=dollar)
    outbox = await effect.run()
    assert outbox.story == story
    details = effect.ending["details"]
    assert (effect.ending["error_category"], effect.ending["retryable"]) == ("config", False)
    assert details["budget"] == spent[0]
    assert (details["cap"], details["used"]) == pytest.approx(spent[1:])
    assert details["scope"] == "effect"
    assert f"the {spent[0]} budget of the effect is spent" in effect.ending["reason"]


async def test_the_ending_keeps_why_the_last_attempt_failed():
    effect = ScriptedEffect([Started(usage=TEN), Delta("half"), BUSY], policy={"budget": {"attempts": 1}})
    await effect.run()
    details = effect.ending["details"]
    assert (details["last_category"], details["last_reason"]) == ("provider", "busy")
    assert (effect.ending["partial_text"], effect.ending["usage"]["input_tokens"]) == ("half", 6)


async def test_a_wait_that_the_time_budget_does_not_cover_is_not_begun():
    effect = ScriptedEffect([BUSY], policy={"budget": {"wall_ms": 100}, "backoff_ms": 60})
    outbox = await effect.run()
    assert outbox.story == ["started@1", "retrying@1", "retry_attempt_started@2", "failed@2"]
    assert effect.ending["details"]["wait_ms"] == 120
    assert effect.ending["details"]["used"] == pytest.approx(180)


async def test_a_stream_is_ended_when_what_it_told_or_wrote_reaches_the_budget():
    told = ScriptedEffect(
        [Started(usage=Usage(input_tokens=500)), Delta("a"), Wait()], policy={"budget": {"tokens": 500}}
    )
    assert (await told.run()).story == ["started@1", "streaming@1", "failed@1"]
    wrote = ScriptedEffect(
        [Started(), *[step for _ in range(1000) for step in (Pause(1), Delta("word"))], Complete()],
        policy={"budget": {"tokens": 50}, "join_ms": 0},
    )
    outbox = await wrote.run()
    assert wrote.ending["details"]["used"] == 50
    assert len(wrote.ending["partial_text"]) == len(outbox.text(1)) == 200
    assert (wrote.ending["usage"]["output_tokens"], wrote.ending["usage"]["estimated"]) == (50, True)


async def test_an_answer_that_is_there_is_kept_whatever_it_cost():
    effect = ScriptedEffect(ANSWER, policy={"budget": {"tokens": 5, "cost_usd": 0.5}}, price=dollar)
    assert (await effect.run()).terminal.lifecycle == "completed"


async def test_what_has_no_price_adds_nothing_to_a_cap_on_cost():
    effect = ScriptedEffect([Started(usage=TEN), BUSY], policy={"budget": {"cost_usd": 0.001}})
    assert (await effect.run()).story[-1] == "failed@3"
    assert effect.ending["error_category"] == "provider"


async def answers(chat, count):
    """How many of `count` messages are answered, and the error that the others end with."""
    good, error = 0, None
    for _ in range(count):
        try:
            await (await chat.send("hi")).result()
            good += 1
        except GenerationFailed as failure:
            error = failure.error
    return good, error


@pytest.mark.parametrize(("budget", "good"), [({"tokens": 20}, 2), ({"tokens": 25}, 3), ({"attempts": 2}, 2)])
async def test_a_conversation_stops_when_its_budget_is_spent(scripted, journal, at_rest, budget, good):
    async with open_runtime(scripted(ANSWER), journal=journal) as runtime:
        chat, other = runtime.conversation("c", budget=budget), runtime.conversation("other")
        answered, error = await answers(chat, 5)
        assert answered == good
        assert (error.category, error.details["scope"]) == ("config", "conversation")
        assert error.details["budget"] in budget
        assert len(scripted.backend.requests) == good
        assert await answers(other, 4) == (4, None)
        await at_rest(runtime)


async def test_the_budget_of_a_conversation_outlives_the_runtime(scripted, tmp_path):
    for good in (2, 0):
        async with open_runtime(scripted(ANSWER), journal=tmp_path / "runs.sqlite") as runtime:
            answered, error = await answers(runtime.conversation("c", budget=Budget(tokens=20)), 3)
            assert answered == good
            assert error.details["used"] == 20


async def test_failed_and_canceled_attempts_count_against_the_conversation(scripted):
    broken = [Started(usage=TEN), Delta("a"), BUSY]
    backend = scripted(broken, [Started(usage=TEN), Delta("a"), Wait()], ANSWER)
    async with open_runtime(backend, journal=None) as runtime:
        chat = runtime.conversation("c", budget={"tokens": 20})
        turn = await chat.send("hi", effect_policy={"max_attempts": 1})
        with pytest.raises(GenerationFailed):
            await turn.result()
        turn = await chat.send("hi")
        async for event in turn:
            if event.kind == "delta":
                await turn.cancel()
        answered, error = await answers(chat, 1)
        assert (answered, error.details["used"]) == (0, 20)


async def test_of_settings_conversation_and_message_the_tightest_cap_counts(scripted):
    settings = scripted(ANSWER, budgets={"conversation": {"tokens": 10}, "effect": {"attempts": 2}})
    async with open_runtime(settings, journal=None) as runtime:
        answered, error = await answers(runtime.conversation("c", budget={"tokens": 1000}), 2)
        assert (answered, error.details["cap"]) == (1, 10)
    settings = scripted([BUSY], budgets={"effect": {"attempts": 2}})
    async with open_runtime(settings, journal=None) as runtime:
        policy = {"max_attempts": 9, "backoff_ms": 0, "budget": {"attempts": 5}}
        turn = await runtime.conversation("c").send("hi", effect_policy=policy)
        with pytest.raises(GenerationFailed) as caught:
            await turn.result()
        assert (caught.value.attempts, caught.value.error.details["cap"]) == (2, 2)


async def test_messages_in_line_are_held_to_what_those_before_them_spent(scripted):
    async with open_runtime(scripted(ANSWER), journal=None) as runtime:
        chat = runtime.conversation("c", budget={"tokens": 20})
        turns = [await chat.send("hi") for _ in range(4)]
        for turn in turns:
            with anyio.fail_after(5):
                await turn.wait()
        assert [turn.status for turn in turns] == ["completed", "completed", "failed", "failed"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"effect_policy": {"budget": {"token": 5}}}, "effect_policy.budget.token"),
        ({"effect_policy": {"budget": {"tokens": 0}}}, "effect_policy.budget.tokens"),
        ({"conversation_defaults": {"budget": {"cost_usd": "1"}}}, "conversation_defaults.budget.cost_usd"),
        ({"conversation_defaults": {"budget": 5}}, "conversation_defaults.budget"),
    ],
)
async def test_a_bad_budget_in_a_message_is_refused_before_anything_is_written(scripted, asked, field):
    async with open_runtime(scripted(ANSWER), journal=None) as runtime:
        with pytest.raises(ContractError) as caught:
            await runtime.ingest(message_received("c", "m", "test", {"content": "hi", **asked}))
        assert caught.value.field == field
        assert await runtime.events() == []
        with pytest.raises(ContractError, match=r"Did you mean 'tokens'"):
            runtime.conversation("c", budget={"token": 5})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"effect": {"tokens": -1}}, "budgets.effect.tokens"),
        ({"conversation": {"tokns": 1}}, "budgets.conversation.tokns"),
        ({"conversations": {}}, "budgets.conversations"),
    ],
)
def test_a_bad_budget_in_the_settings_is_named(given, field):
    with pytest.raises(ConfigError) as caught:
        Settings(budgets=given)
    assert caught.value.field == field
