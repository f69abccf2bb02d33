"""What a runtime tells: traces, adapters, numbers, health; and tools and timers through the whole of it."""

import anyio
import pytest

from jido_nb.errors import ConfigError, ContractError
from jido_nb.llm.error import LLMError
from jido_nb.runtime import adapters
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Started

pytestmark = pytest.mark.anyio


def note(id, subject="c1", cause=None):
    extensions = {"contract_major": 1} | ({"cause_id": cause} if cause else {})
    data = {"audit_id": "a", "category": "test"}
    return {"id": id, "type": "conv.audit.note", "subject": subject, "extensions": extensions, "data": data}


def ids(log):
    return [recorded.signal.id for recorded in log]


async def test_a_trace_follows_causes_both_ways(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        await runtime.ingest_many([note("a"), note("b", cause="a"), note("c", cause="b"), note("d", "c2", cause="a")])
        await runtime.ingest_many([note("b", "c3"), note("e", "c3", cause="b")])
        await at_rest(runtime)
        tree = [id for id in ids(await runtime.trace("a", "forward")) if not id.endswith("/applied")]
        assert tree == ["a", "b", "c", "d"]
        assert ids(await runtime.trace("c")) == ["c", "b", "a"]
        assert ids(await runtime.trace("d")) == ["d", "a"]
        assert (await runtime.trace("e"))[1].signal.subject == "c3"
        assert len(await runtime.trace("a", "forward", limit=2)) == 2
        assert await runtime.trace("nobody") == []
        with pytest.raises(ConfigError):
            await runtime.trace("a", "sideways")


async def test_a_turn_can_be_traced_from_its_message_to_its_last_output(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        await (await runtime.conversation("c1").send("hi", message_id="m1")).result()
        log = await at_rest(runtime)
        assert sorted(ids(await runtime.trace("m1", "forward"))) == sorted(ids(log))
        out = next(r.signal.id for r in log if r.signal.type == "conv.out.assistant.completed")
        assert [r.signal.type.rpartition(".")[2] for r in await runtime.trace(out)] == [
            "completed",
            "completed",
            "received",
        ]


C = "c1"
ADAPTERS = {
    "message": (
        lambda r: r.ingest_message(C, "m", "slack", {"content": "x", "message_id": "no"}),
        "conv.in.message.received",
        "/messaging/slack",
        {"message_id": "m", "ingress": "slack", "content": "x"},
    ),
    "abort": (
        lambda r: r.ingest_abort(C, "k", {"reason": "r"}),
        "conv.in.control.abort_requested",
        "/control/user",
        {"message_id": "k", "ingress": "control", "reason": "r"},
    ),
    "stop": (
        lambda r: r.ingest_stop(C, "k"),
        "conv.in.control.stop_requested",
        "/control/user",
        {"message_id": "k", "ingress": "control"},
    ),
    "cancel": (
        lambda r: r.ingest_cancel(C, "k", {"effect_id": "e"}),
        "conv.in.control.cancel_requested",
        "/control/user",
        {"message_id": "k", "ingress": "control", "effect_id": "e"},
    ),
    "tick": (
        lambda r: r.ingest_tick(C, "t"),
        "conv.in.timer.tick",
        "/scheduler/timer",
        {"message_id": "t", "ingress": "timer"},
    ),
    "llm": (
        lambda r: r.ingest_llm(C, "e", "completed", {"lifecycle": "no"}),
        "conv.effect.llm.generation.completed",
        "/llm/runtime",
        {"effect_id": "e", "lifecycle": "completed"},
    ),
    "tool": (
        lambda r: r.ingest_tool(C, "e", "completed"),
        "conv.effect.tool.execution.completed",
        "/tool/runtime",
        {"effect_id": "e", "lifecycle": "completed"},
    ),
    "output": (
        lambda r: r.ingest_output(C, "conv.out.x.y", "o", "primary", {"k": 0}),
        "conv.out.x.y",
        "/runtime/projections",
        {"output_id": "o", "channel": "primary", "k": 0},
    ),
}


@pytest.mark.parametrize(("ingest", "type", "source", "data"), ADAPTERS.values(), ids=ADAPTERS)
async def test_an_adapter_writes_its_type_source_and_reserved_keys(ingest, type, source, data, journal, scripted):
    # reference 1.5
    async with open_runtime(scripted(), journal) as runtime:
        receipt = await ingest(runtime)
        assert (receipt.status, receipt.signal.type, receipt.signal.source) == ("published", type, source)
        assert (dict(receipt.signal.data), receipt.signal.subject) == (data, C)
        assert receipt.signal.extensions["contract_major"] == 1
        await runtime.idle()


CHANNEL = {
    "plain": (
        {"conversation_id": "c", "message_id": "m", "content": "x"},
        {"content": "x", "ingress": "jido_messaging"},
    ),
    "threads": ({"thread_id": "c", "id": "m", "body": "x", "author_id": "u"}, {"content": "x", "sender_id": "u"}),
    "first wins": ({"conversation_id": " ", "subject": "c", "thread_id": "d", "id": "m"}, {}),
    "channel": ({"subject": "c", "id": "m", "text": "x", "channel": "irc"}, {"ingress": "irc", "channel": "irc"}),
    "keeps": (
        {"subject": "c", "id": "m", "metadata": [], "role": "user", "k": 1},
        {"metadata": {}, "role": "user", "k": 1},
    ),
}


@pytest.mark.parametrize(("message", "expected"), CHANNEL.values(), ids=CHANNEL)
def test_a_channel_message_is_read_in_the_words_of_many_channels(message, expected):
    raw = adapters.channel_message(message)
    assert (raw["subject"], raw["data"]["message_id"]) == ("c", "m")
    assert {key: raw["data"].get(key) for key in expected} == expected
    assert raw["source"] == f"/messaging/{raw['data']['ingress']}"


@pytest.mark.parametrize(
    ("message", "field"), [([], "message"), ({"id": "m"}, "conversation_id"), ({"subject": "c"}, "message_id")]
)
def test_a_channel_message_without_a_place_is_refused(message, field):
    with pytest.raises(ContractError) as caught:
        adapters.channel_message(message)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((" ", "conv.out.x", "o", "p"), "conversation_id"),
        ((C, "conv.in.x", "o", "p"), "type"),
        ((C, "conv.out.x", "", "p"), "output_id"),
        ((C, "conv.out.x", "o", None), "channel"),
    ],
)
def test_an_output_without_a_place_is_refused(arguments, field):
    with pytest.raises(ContractError) as caught:
        adapters.output(*arguments)
    assert caught.value.field == field


async def test_numbers_are_those_of_the_journal_and_count_once(journal, scripted, at_rest):
    # W-41
    busy = Fail(LLMError("provider", "busy"))
    scripts = [
        [Started(), Delta("a"), busy],
        [Started(), Delta("b"), Complete()],
        [Started(), Fail(LLMError("auth", "no"))],
    ]
    async with open_runtime(scripted(*scripts, effects={"llm": {"backoff_ms": 0}}), journal) as runtime:
        chat = runtime.conversation("c1")
        await (await chat.send("one")).wait()
        await (await chat.send("two")).wait()
        await at_rest(runtime)
        told = runtime.telemetry()
        assert (told.retry_count, dict(told.failure_by_category)) == (1, {"auth": 1})
        assert {name: n for name, n in told.lifecycle_by_backend["scripted"].items() if n} == {
            "started": 2,
            "progress": 4,
            "completed": 1,
            "failed": 1,
        }
        assert told.apply_latency_ms["count"] > 0
        assert runtime.health().turns_checked == 2


async def test_health_tells_where_things_stand(journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        fresh = runtime.health()
        assert (fresh.status, fresh.signals, fresh.conversations, fresh.recovered) == ("ok", 0, 0, 0)
        await (await runtime.conversation("c1").send("hi")).result()
        log = await at_rest(runtime)
        health = runtime.health()
        assert (health.status, health.signals, health.conversations) == ("ok", len(log), 1)
        assert set(health.as_dict()) == set(health.__slots__)
        assert health._repr_mimebundle_()["text/plain"] == repr(health)
    assert runtime.health().status == "closed"


def double(x):
    return 2 * x


async def wait_for_ever():
    await anyio.sleep_forever()


def fails():
    raise ValueError("out of cheese")


def strange():
    return {"nan": float("nan"), "object": object, "surrogate": "\ud800", "big": 2**80, "set": {1}}


TOOLS = {f.__name__: f for f in (double, wait_for_ever, fails, strange)}
CALLS = {
    "works": ("double", {"x": 4}, "completed", None),
    "odd values": ("strange", {}, "completed", None),
    "fails": ("fails", {}, "failed", "out of cheese"),
    "bad arguments": ("double", {"y": 1}, "failed", "double:"),
    "unknown": ("doubel", {}, "failed", "Did you mean 'double'"),
    "too slow": ("wait_for_ever", {}, "failed", "took longer than 30 ms"),
}


@pytest.mark.parametrize(("name", "arguments", "ending", "words"), CALLS.values(), ids=CALLS)
async def test_a_tool_runs_for_real_and_its_failure_is_a_failed_effect(
    name, arguments, ending, words, journal, scripted, at_rest
):
    # W-33
    settings = scripted(effects={"tool": {"timeout_ms": 30 if name == "wait_for_ever" else 5000, "max_attempts": 1}})
    async with open_runtime(settings, journal, tools=TOOLS) as runtime:
        effect_id = await runtime.conversation("c1").call_tool(name, arguments)
        with anyio.fail_after(5):
            log = await at_rest(runtime)
        last = [
            r.signal.data for r in log if r.signal.data.get("effect_id") == effect_id and "effect" in r.signal.type
        ][-1]
        assert last["lifecycle"] == ending, last
        if (name, ending) == ("double", "completed"):
            assert last["result"]["output"] == 8
        if words:
            assert words in last["reason"]
        statuses = [r.signal.data["status"] for r in log if r.signal.type == "conv.out.tool.status"]
        assert statuses == ["started", ending]


@pytest.mark.parametrize("payload", [{"wait_ms": 5}, {}, {"wait_ms": "5"}, {"wait_ms": -1}], ids=str)
async def test_a_timer_waits_or_says_why_not(payload, journal, scripted, at_rest):
    async with open_runtime(scripted(), journal) as runtime:
        await runtime.ingest_tick("c1", "t1", payload)
        log = await at_rest(runtime)
        last = [r.signal for r in log if r.signal.type.startswith("conv.effect.timer")][-1]
        wanted = "completed" if payload in ({}, {"wait_ms": 5}) else "failed"
        assert last.type == f"conv.effect.timer.wait.{wanted}"
        assert (
            last.data.get("duration_ms", 0) is None
            or last.data["duration_ms"] >= payload.get("wait_ms", 0)
            or wanted == "failed"
        )
