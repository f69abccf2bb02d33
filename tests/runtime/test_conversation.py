"""What a conversation asks of a model, and in which order."""

import anyio
import pytest

from jido_nb.errors import ContractError
from jido_nb.llm.error import GenerationCanceled
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Started, Wait

pytestmark = pytest.mark.anyio

ECHO = {"llm": {"default_model": "simulated:echo"}}


def answer(text):
    return [Started(), Delta(text), Complete()]


async def test_a_request_holds_the_conversation_so_far(journal, scripted, at_rest):
    # W-21
    async with open_runtime(scripted(answer("first"), answer("second")), journal) as runtime:
        chat = runtime.conversation("c1", system_prompt="be kind", options={"temperature": 0.5})
        await (await chat.send("one")).result()
        await (await chat.send("two", options={"max_tokens": 9}, model="other")).result()
        await (await runtime.conversation("c2").send("elsewhere")).result()
        told = [
            [(message.role, message.content) for message in request.messages] for request in scripted.backend.requests
        ]
        assert told == [
            [("user", "one")],
            [("user", "one"), ("assistant", "first"), ("user", "two")],
            [("user", "elsewhere")],
        ]
        second = scripted.backend.requests[1]
        assert (second.model, second.system_prompt) == ("other", "be kind")
        assert second.options == {"temperature": 0.5, "max_tokens": 9}
        await at_rest(runtime)


async def test_the_simulator_hears_the_conversation_over_the_wire(journal, at_rest):
    async with open_runtime(ECHO, journal) as runtime:
        chat = runtime.conversation("c1")
        with anyio.fail_after(20):
            assert "ping" in (await (await chat.send("ping")).result()).text
            second = (await (await chat.send("pong")).result()).text
        assert second.index("ping") < second.index("pong")
        await at_rest(runtime)


async def test_a_second_message_queues_behind_the_first_and_sees_its_answer(journal, scripted, at_rest):
    # design 6
    go = anyio.Event()
    first = [Started(), Delta("fir"), Wait(go), Delta("st"), Complete()]
    async with open_runtime(scripted(first, answer("second")), journal) as runtime:
        chat = runtime.conversation("c1")
        turns = [await chat.send("one"), await chat.send("two"), await chat.send("three")]
        assert [turn.status for turn in turns[1:]] == ["queued", "queued"]
        go.set()
        for turn in turns:
            await turn.result()
        assert [[message.content for message in request.messages] for request in scripted.backend.requests] == [
            ["one"],
            ["one", "first", "two"],
            ["one", "first", "two", "second", "three"],
        ]
        await at_rest(runtime)


async def test_a_queued_turn_that_is_canceled_never_starts_and_the_others_go_on(journal, scripted, at_rest):
    go = anyio.Event()
    async with open_runtime(scripted([Started(), Wait(go), Delta("a"), Complete()], answer("c")), journal) as runtime:
        chat = runtime.conversation("c1")
        first, second, third = [await chat.send(text) for text in ("one", "two", "three")]
        with anyio.fail_after(3):
            assert await second.cancel("changed my mind")
            with pytest.raises(GenerationCanceled, match="changed my mind"):
                await second.result()
        assert (second.status, second.attempts, second.text) == ("canceled", 0, "")
        go.set()
        with anyio.fail_after(3):
            assert ((await first.result()).text, (await third.result()).text) == ("a", "c")
        log = await at_rest(runtime)
        story = [r.signal.type for r in log if r.signal.data.get("effect_id") == second.effect_id]
        assert story[1:] == ["conv.effect.llm.generation.canceled", "conv.out.assistant.canceled"]
        assert [m.content for m in scripted.backend.requests[1].messages] == ["one", "a", "two", "three"]


async def test_conversations_do_not_wait_for_each_other(journal, scripted, at_rest):
    async with open_runtime(scripted([Started(), Delta("a"), Wait()], answer("b")), journal) as runtime:
        stuck = await runtime.conversation("a").send("hi")
        async for event in stuck:
            if event.kind == "delta":
                break
        with anyio.fail_after(3):
            assert (await (await runtime.conversation("b").send("hi")).result()).text == "b"
        assert await stuck.cancel()
        await at_rest(runtime)


BAD = {
    "backend": ({"backend": "nope"}, "llm.backend"),
    "timeout": ({"timeout_ms": 0}, "llm.timeout_ms"),
    "stream": ({"stream": "yes"}, "llm.stream"),
    "policy": ({"effect_policy": {"join_ms": -1}}, "effect_policy.join_ms"),
    "policy name": ({"effect_policy": {"retries": 1}}, "effect_policy.retries"),
    "simulation": ({"simulate_effect": {"latency_ms": 1}}, "simulate_effect"),
    "policy that is none": ({"effect_policy": "hard"}, "effect_policy"),
    "options that are none": ({"options": 5}, "llm.options"),
    "simulation that is none": ({"simulate_effect": "fail"}, "simulate_effect"),
    "attachments that are none": ({"attachments": 5}, "attachments"),
    "one path in their place": ({"attachments": "dot.png"}, "attachments"),
    "attachment of no kind": ({"attachments": [5]}, "attachments"),
    "blank id": ({"message_id": " "}, "id"),
    "nothing": ({"text": " "}, "content"),
    "no text": ({"text": None}, "content"),
}


@pytest.mark.parametrize(("asked", "field"), BAD.values(), ids=BAD)
async def test_a_bad_wish_is_refused_with_its_field_and_nothing_is_written(asked, field, scripted, at_rest):
    async with open_runtime(scripted()) as runtime:
        chat = runtime.conversation("c1")
        with pytest.raises(ContractError) as caught:
            await chat.send(**{"text": "hi", **asked})
        assert caught.value.field == field
        assert await runtime.events() == []
        assert (await (await chat.send("hi")).result()).text == "hello"
        await at_rest(runtime)


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"backend": "nope"}, "backend"), ({"timeout_ms": "1"}, "timeout_ms"), ({"options": 5}, "options")],
)
async def test_a_bad_default_is_refused_before_anything_is_said(asked, field, scripted):
    async with open_runtime(scripted()) as runtime:
        with pytest.raises(ContractError) as caught:
            runtime.conversation("c1", **asked)
        assert caught.value.field == f"conversation_defaults.llm.{field}"


@pytest.mark.parametrize("name", ["", " ", "a\0b", "half \ud800", 5])
async def test_a_name_that_is_none_begins_no_conversation_of_another_name(name, scripted):
    async with open_runtime(scripted()) as runtime:
        with pytest.raises(ContractError) as caught:
            await runtime.conversation(name).send("hi")
        assert (caught.value.field, await runtime.events()) == ("subject", [])


async def test_simulated_faults_work_where_the_settings_allow_them(journal, scripted, at_rest):
    settings = scripted(answer("ok"), allow_simulate_effect=True, effects={"llm": {"backoff_ms": 0}})
    async with open_runtime(settings, journal) as runtime:
        turn = await runtime.conversation("c1").send("hi", simulate_effect={"force_fail_attempts": 2})
        assert ((await turn.result()).text, turn.attempts) == ("ok", 3)
        assert len(scripted.backend.requests) == 1
        with pytest.raises(ContractError) as caught:
            await runtime.conversation("c1").send("hi", simulate_effect={"force_fail": 2})
        assert caught.value.field.startswith("simulate_effect")
        await at_rest(runtime)


async def test_a_project_keeps_conversations_of_one_name_apart(journal, scripted, at_rest):
    async with open_runtime(scripted(answer("x")), journal) as runtime:
        for project in ("p 1", "p/2"):
            await (await runtime.conversation("c", project_id=project).send(project)).result()
        assert await runtime.conversation("c").events() == []
        log = await at_rest(runtime)
        assert {r.signal.subject for r in log} == {"project/p+1/conversation/c", "project/p%2F2/conversation/c"}
        assert [request.messages[0].content for request in scripted.backend.requests] == ["p 1", "p/2"]
        assert {r.signal.project_id for r in log if r.signal.type.startswith("conv.in")} == {"p 1", "p/2"}


async def test_timeline_and_context_read_what_was_said(journal, scripted, at_rest):
    async with open_runtime(scripted(answer("hello")), journal) as runtime:
        chat = runtime.conversation("c1")
        await (await chat.send("hi")).result()
        assert [(message.role, message.content) for message in await chat.context()] == [
            ("user", "hi"),
            ("assistant", "hello"),
        ]
        assert (await chat.timeline())[0].content == "hi"
        assert [r.seq for r in await chat.events()] == [r.seq for r in await at_rest(runtime)]
