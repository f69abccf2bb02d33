"""What the executors of the three effect classes do with one attempt."""

import threading

import anyio
import pytest

from jido_nb.errors import ConfigError
from jido_nb.llm.backend import Capabilities
from jido_nb.llm.error import LLMError
from jido_nb.llm.usage import Cost, Usage
from jido_nb.runtime.effect_worker import EffectWorker
from jido_nb.runtime.executors.timer import TimerExecutor
from jido_nb.runtime.executors.tool import ToolExecutor
from jido_nb.runtime.pace import Pace
from jido_nb.testing.effects import effect_job, llm_executor
from jido_nb.testing.manual_clock import ManualClock
from jido_nb.testing.memory_outbox import MemoryOutbox
from jido_nb.testing.scripted_backend import Complete, Delta, ScriptedBackend, Started

pytestmark = pytest.mark.anyio

ANSWER = [Started("ref", model="served"), Delta("hi"), Complete({"usage": Usage(input_tokens=3, output_tokens=1)})]


async def run(executor, job, attempt=1, emitted=None):
    prepared = await executor.prepare(job)
    return await executor.run(prepared, job, attempt, (emitted if emitted is not None else []).append)


async def failure_of(executor, job):
    with pytest.raises(LLMError) as caught:
        await run(executor, job)
    return caught.value


# --- llm


async def test_a_request_is_what_message_conversation_and_settings_resolve_to():
    backend = ScriptedBackend([ANSWER])
    job = effect_job(
        input={
            "content": "hello",
            "provider": "slack",  # a key of the message's own is no override
            "llm": {"model": "better", "options": {"temperature": 0.5}},
            "conversation_defaults": {"llm": {"system_prompt": "Be brief.", "options": {"max_tokens": 9}}},
        }
    )
    await run(llm_executor(backend), job, attempt=2)
    (request,) = backend.requests
    assert (request.backend, request.provider, request.model) == ("scripted", "provider", "better")
    assert (request.system_prompt, request.options) == ("Be brief.", {"temperature": 0.5, "max_tokens": 9})
    assert (request.request_id, request.metadata["attempt"]) == ("llm-generation-m1:2", 2)


@pytest.mark.parametrize(
    ("overrides", "policy", "timeout_ms"),
    [({}, {}, 30_000), ({"timeout_ms": 700}, {}, 700), ({"timeout_ms": 700}, {"timeout_ms": 80}, 80)],
)
async def test_the_policy_has_the_last_word_on_the_attempts_limit(overrides, policy, timeout_ms):
    prepared = await llm_executor(ScriptedBackend([ANSWER])).prepare(
        effect_job(input={"llm": overrides}, policy=policy)
    )
    assert prepared.timeout_ms == timeout_ms


async def test_a_result_names_who_served_it_and_its_price():
    def price(provider, model, usage):
        return Cost(usage.input_tokens * 0.1, price_table=f"{provider}/{model}")

    result = await run(llm_executor(ScriptedBackend([ANSWER]), price=price), effect_job())
    assert (result["backend"], result["provider"], result["model"]) == ("scripted", "provider", "model")
    assert result["cost"] == {"amount": pytest.approx(0.3), "currency": "USD", "price_table": "provider/model"}


async def test_a_price_that_cannot_be_told_costs_nothing_but_the_price():
    def price(provider, model, usage):
        raise LookupError("no table")

    result = await run(llm_executor(ScriptedBackend([ANSWER]), price=price), effect_job())
    assert (result["text"], result["cost"]) == ("hi", None)


async def test_a_backend_that_cannot_stream_is_asked_for_the_whole_answer():
    emitted = []
    backend = ScriptedBackend([ANSWER], capabilities=Capabilities(streaming=False))
    result = await run(llm_executor(backend), effect_job(), emitted=emitted)
    assert (result["text"], emitted) == ("hi", [])


@pytest.mark.parametrize(
    ("fields", "category", "reason"),
    [
        ({"status": "canceled"}, "canceled", "the backend returned a canceled answer"),
        ({"status": "failed"}, "unknown", "the backend returned a failed answer"),
        ({"status": "failed", "error": LLMError("provider", "overloaded")}, "provider", "overloaded"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(fields, category, reason):
    backend = ScriptedBackend([[Started(), Delta("par"), Complete(fields)]])
    error = await failure_of(llm_executor(backend), effect_job())
    assert (error.category, error.message, error.partial_text) == (category, reason, "par")


@pytest.mark.parametrize("messages", [[], [{"role": "nobody", "content": "secret"}]])
async def test_a_request_that_cannot_be_made_is_a_config_error_without_its_content(messages):
    backend = ScriptedBackend([ANSWER])
    error = await failure_of(llm_executor(backend, messages=messages), effect_job())
    assert (error.category, backend.requests) == ("config", [])
    assert "secret" not in str(error)


async def test_a_backend_that_does_not_exist_is_refused_before_anything_runs_and_named_all_the_same():
    asked = {"backend": "scriptd", "model": "m"}
    prepared = await llm_executor(ScriptedBackend([ANSWER])).prepare(effect_job(input={"llm": asked}))
    with pytest.raises(ConfigError, match="scripted"):
        raise prepared.refusal
    assert prepared.attribution == {"backend": "scriptd", "provider": None, "model": "m", "stream": True}


# --- tools


def add(a, b=1):
    return {"sum": a + b}


async def add_later(a):
    await anyio.lowlevel.checkpoint()
    return a + 1


def thread_name():
    return threading.current_thread() is threading.main_thread()


def unlucky(error):
    raise error


TOOLS = ToolExecutor({"add": add, "add_later": add_later, "thread_name": thread_name})


def tool_job(name, arguments=None, **parts):
    return effect_job("tool", input={"tool_name": name, "tool_call_id": "t1", "arguments": arguments or {}}, **parts)


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [("add", {"a": 2, "b": 3}, {"sum": 5}), ("add_later", {"a": 1}, 2), ("thread_name", {}, False)],
)
async def test_a_tool_gives_what_its_function_returns(name, arguments, output):
    assert await run(TOOLS, tool_job(name, arguments)) == {
        "status": "completed", "output": output, "tool_name": name, "tool_call_id": "t1",
    }  # fmt: skip


async def test_an_output_is_kept_as_plain_values():
    tools = ToolExecutor({"odd": lambda: {"set": {1}, "object": slice(1, 2)}})
    assert (await run(tools, tool_job("odd")))["output"] == {"set": [1], "object": "slice(1, 2, None)"}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (tool_job("ad"), "Did you mean 'add'"),
        (tool_job("add", {"c": 1}), "add: missing a required argument: 'a'"),
        (effect_job("tool", input={"tool_name": "add", "arguments": [1]}), "have to be an object"),
        (effect_job("tool"), "no tool named None"),
    ],
)
async def test_a_call_that_fits_no_tool_is_a_config_error(job, reason):
    error = await failure_of(TOOLS, job)
    assert (error.category, error.retryable) == ("config", False)
    assert reason in error.message


@pytest.mark.parametrize(
    ("raised", "category", "retryable"),
    [
        (ValueError("bad"), "unknown", False),
        (KeyError("k"), "unknown", False),
        (TimeoutError("slow"), "timeout", True),
        (ConnectionResetError("reset"), "transport", True),
        (LLMError("provider", "busy"), "provider", True),
        (ConfigError("no key"), "config", False),
    ],
)
async def test_what_a_tool_raises_fails_its_effect(raised, category, retryable):
    error = await failure_of(ToolExecutor({"unlucky": unlucky}), tool_job("unlucky", {"error": raised}))
    assert (error.category, error.retryable) == (category, retryable)


async def test_a_tool_can_be_registered_by_decorating_it():
    tools = ToolExecutor()

    @tools.register
    def twice(text):
        return text * 2

    assert tools.names == ["twice"]
    assert (await run(tools, tool_job("twice", {"text": "ab"})))["output"] == "abab"


async def test_every_signal_of_a_tool_effect_names_its_tool():
    outbox = MemoryOutbox()
    await EffectWorker(tool_job("add", {"a": 1}), TOOLS, outbox).run()
    assert outbox.story == ["started@1", "completed@1"]
    assert [(put.data["tool_name"], put.data["tool_call_id"]) for put in outbox.puts] == [("add", "t1")] * 2


@pytest.mark.parametrize("kind", ["thread", "task"])
async def test_a_tool_that_hangs_is_timed_out(kind):
    release = threading.Event()
    try:
        hangs = release.wait if kind == "thread" else anyio.sleep_forever
        outbox = MemoryOutbox()
        job = tool_job("hangs", policy={"timeout_ms": 20, "max_attempts": 1})
        with anyio.fail_after(5):
            await EffectWorker(job, ToolExecutor({"hangs": hangs}), outbox).run()
    finally:
        release.set()
    assert (outbox.terminal.lifecycle, outbox.terminal.data["details"]["which"]) == ("failed", "attempt")


# --- timers


async def test_a_timer_waits_as_long_as_it_was_told():
    clock, outbox = ManualClock(), MemoryOutbox()
    worker = EffectWorker(effect_job("timer", input={"wait_ms": 1500}), TimerExecutor(clock), outbox, pace=Pace(clock))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        await clock.advance(1.499)
        assert outbox.terminals == []
        await clock.advance(0.001)
    assert outbox.terminal.data["result"] == {"status": "completed", "waited_ms": 1500}
    assert outbox.terminal.data["duration_ms"] == 1500


async def test_a_tick_that_names_no_wait_is_over_at_once():
    assert await run(TimerExecutor(), effect_job("timer")) == {"status": "completed", "waited_ms": 0}


@pytest.mark.parametrize("wait_ms", [-1, "5", True, None, float("nan"), 10**12])
async def test_a_wait_that_is_no_number_of_milliseconds_is_refused(wait_ms):
    with pytest.raises(LLMError, match="wait_ms"):
        await TimerExecutor().prepare(effect_job("timer", input={"wait_ms": wait_ms}))
