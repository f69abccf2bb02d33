"""Attempts, retries and endings of one effect."""

import anyio
import pytest

from jido_nb.llm.error import LLMError, from_status
from jido_nb.llm.result import ToolCall
from jido_nb.llm.usage import Cost, Usage
from jido_nb.testing.scripted_backend import (
    Complete,
    Delta,
    Fail,
    Pause,
    Started,
    Step,
    Thinking,
    Tool,
    Wait,
)
from jido_nb.testing.scripted_effect import ScriptedEffect

pytestmark = pytest.mark.anyio

ANSWER: list[Step] = [Started("ref"), Delta("chunk-1"), Thinking("hm"), Delta("chunk-2"), Complete()]


def failing(error):
    return [Started("ref"), Delta("par"), Fail(error)]


async def test_a_good_stream_is_started_progress_completed():
    effect = ScriptedEffect(ANSWER)
    outbox = await effect.run()
    assert outbox.story == ["started@1", "streaming@1", "completed@1"]
    started, ending = outbox.puts[0].data, effect.ending
    assert started == {
        "effect_id": "llm-generation-m1",
        "lifecycle": "started",
        "effect_class": "llm",
        "kind": "generation",
        "attempt": 1,
        "backend": "scripted",
        "provider": "provider",
        "model": "model",
        "stream": True,
        "max_attempts": 3,
        "timeout_ms": 30_000,
        "request_id": "llm-generation-m1:1",
    }
    assert ending["result"]["text"] == outbox.text(1) == "chunk-1chunk-2"
    assert ending["result"]["thinking"] == "hm"
    assert (ending["duration_ms"], ending["first_chunk_ms"]) == (0, 0)
    assert all(put.data["backend"] == "scripted" and put.cause_id is None for put in outbox.puts)


async def test_the_request_holds_what_was_resolved_and_the_whole_context():
    effect = ScriptedEffect(ANSWER)
    await effect.run()
    (request,) = effect.backend.requests
    assert (request.request_id, request.conversation_id, request.timeout_ms) == ("llm-generation-m1:1", "c1", 30_000)
    assert [message.model_dump(exclude_none=True) for message in request.messages] == [
        {"role": "user", "content": "hello"}
    ]
    assert request.metadata == {"effect_id": "llm-generation-m1", "attempt": 1}


async def test_started_is_durable_before_the_backend_is_called():
    effect = ScriptedEffect(ANSWER)
    durable = []
    stream = effect.backend.stream
    effect.backend.stream = lambda request: durable.append(effect.outbox.durable) or stream(request)
    await effect.run()
    assert durable == [1]


async def test_without_streaming_the_answer_comes_whole():
    effect = ScriptedEffect(ANSWER, stream=False)
    outbox = await effect.run()
    assert outbox.story == ["started@1", "completed@1"]
    assert effect.ending["result"]["text"] == "chunk-1chunk-2"
    assert effect.ending["first_chunk_ms"] is None


async def test_deltas_are_joined_by_time_and_keep_their_own_times():
    chunks = [step for n in range(10) for step in (Pause(10), Delta(f"{n} "))]
    effect = ScriptedEffect([Started(), *chunks, Complete()], policy={"join_ms": 34})
    outbox = await effect.run()
    progress = [put.data for put in outbox.puts if put.lifecycle == "progress"]
    assert [data["token_delta"] for data in progress] == ["0 ", "1 2 3 ", "4 5 6 ", "7 8 9 "]
    assert progress[1]["chunks"] == [[20, 2], [30, 2], [40, 2]]
    assert outbox.text(1) == effect.ending["result"]["text"]


async def test_what_is_pending_goes_out_when_its_time_comes_though_the_stream_is_silent():
    effect = ScriptedEffect(
        [Delta("a"), Delta("b"), Wait()], policy={"join_ms": 30, "timeout_ms": 1000, "max_attempts": 1}
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await effect.clock.advance(0.029)
        assert effect.outbox.text(1) == "a"
        await effect.clock.advance(0.001)
        assert effect.outbox.text(1) == "ab"
        await effect.clock.advance(1)
    assert effect.ending["partial_text"] == "ab"


async def test_tools_are_told_as_they_come():
    call = ToolCall(id="t1", name="search", arguments={"q": "x"})
    effect = ScriptedEffect([Started(), Delta("a"), Tool(call), Complete()])
    outbox = await effect.run()
    assert outbox.story == ["started@1", "streaming@1", "tool@1", "completed@1"]
    assert effect.ending["result"]["tool_calls"][0]["arguments"] == {"q": "x"}


# Reference 3.1. Each row: the failure, its category, whether it is tried again.
ONCE = [
    *((from_status(status, "no"), "provider", False) for status in (400, 402, 404, 413, 422, 499)),
    *((from_status(status, "no"), "auth", False) for status in (401, 403)),
    *((from_status(status, "no"), "provider", True) for status in (409, 425, 429, 500, 502, 503, 529, 599)),
    (from_status(503, ""), "provider", True),
    (from_status(408, "slow"), "timeout", True),
    (LLMError("timeout", "connect timeout"), "timeout", True),
    (LLMError("transport", "econnrefused"), "transport", True),
    (LLMError("config", "no such module"), "config", False),
    (LLMError("canceled", "canceled"), "canceled", False),
    (LLMError("unknown", "?"), "unknown", False),
    (ValueError("bad code"), "unknown", False),
    (ExceptionGroup("one", [ExceptionGroup("inner", [from_status(503, "busy")])]), "provider", True),
    (ExceptionGroup("two", [ValueError("a"), KeyError("b")]), "unknown", False),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "start"])
@pytest.mark.parametrize(("error", "category", "again"), ONCE, ids=lambda value: str(value)[:20])
async def test_one_failure_is_retried_or_final_by_category_and_status(error, category, again, stream):
    effect = ScriptedEffect(failing(error), ANSWER, stream=stream)
    outbox = await effect.run()
    shown = ["streaming@1"] if stream else []
    if again:
        second = ["streaming@2"] if stream else []
        assert outbox.story == [
            "started@1", *shown, "retrying@1", "retry_attempt_started@2", *second, "completed@2",
        ]  # fmt: skip
        retrying = next(put.data for put in outbox.puts if put.label == "retrying@1")
        assert retrying["backoff_ms"] == retrying["wait_ms"] == 5
        assert retrying["discarded"] is stream
        assert (retrying["error_category"], retrying["retryable"]) == (category, True)
        assert effect.ending["result"]["text"] == "chunk-1chunk-2"
    else:
        assert outbox.story == ["started@1", *shown, "failed@1"]
        assert (effect.ending["error_category"], effect.ending["retryable"]) == (category, False)
        assert effect.ending["partial_text"] == ("par" if stream else "")
    assert len(effect.backend.requests) == (2 if again else 1)


async def test_a_failure_that_stays_ends_after_the_last_attempt():
    effect = ScriptedEffect(failing(from_status(503, "busy")))
    outbox = await effect.run()
    assert outbox.story == [
        "started@1", "streaming@1", "retrying@1", "retry_attempt_started@2", "streaming@2", "retrying@2",
        "retry_attempt_started@3", "streaming@3", "failed@3",
    ]  # fmt: skip
    assert [put.data["backoff_ms"] for put in outbox.puts if "backoff_ms" in put.data] == [5, 10]
    assert (effect.ending["reason"], effect.ending["error_category"]) == ("busy", "provider")
    assert (effect.ending["retryable"], effect.ending["details"]) == (True, {"status": 503})
    assert effect.ending["partial_text"] == "par"
    assert [request.request_id[-2:] for request in effect.backend.requests] == [":1", ":2", ":3"]


async def test_a_stream_that_just_stops_is_a_failure_that_keeps_its_text():
    effect = ScriptedEffect([Started(), Delta("half")], policy={"max_attempts": 1})
    await effect.run()
    assert (effect.ending["error_category"], effect.ending["details"]) == ("transport", {"truncated": True})
    assert effect.ending["partial_text"] == "half"


async def test_a_fault_of_the_backend_shows_its_message_and_type_and_nothing_more():
    effect = ScriptedEffect([Fail(KeyError("sk-secret-free"))])
    await effect.run()
    assert effect.ending["details"] == {"reason": "KeyError"}
    assert "Traceback" not in str(effect.ending)


@pytest.mark.parametrize(("retry_after_ms", "waited_ms"), [(700, 700), (1, 5)])
async def test_retry_after_is_waited_for(retry_after_ms, waited_ms):
    busy = LLMError.of("provider", "busy", status=429, retry_after_ms=retry_after_ms)
    effect = ScriptedEffect([Fail(busy)], ANSWER)
    outbox = await effect.run()
    retrying = next(put.data for put in outbox.puts if put.label == "retrying@1")
    assert (retrying["wait_ms"], retrying["retry_after_ms"], retrying["backoff_ms"]) == (waited_ms, retry_after_ms, 5)


async def test_a_retry_after_above_the_cap_fails_at_once_and_tells_the_delay():
    busy = LLMError.of("provider", "busy", status=429, retry_after_ms=90_000)
    effect = ScriptedEffect([Fail(busy)], ANSWER)
    outbox = await effect.run()
    assert outbox.story == ["started@1", "failed@1"]
    assert effect.ending["details"] == {
        "status": 429, "retry_after_ms": 90_000, "gave_up": "retry_after", "wait_ms": 90_000,
    }  # fmt: skip


async def test_jitter_is_the_same_each_time_the_effect_runs():
    async def waits():
        effect = ScriptedEffect(failing(from_status(503, "busy")), policy={"backoff_ms": 1000, "jitter": 1.0})
        return [put.data["wait_ms"] for put in (await effect.run()).puts if "wait_ms" in put.data]

    first = await waits()
    assert first == await waits()
    assert first != [1000, 2000]


async def test_usage_of_failed_attempts_is_kept_and_priced():
    broken = [Started(model="served", usage=Usage(input_tokens=7)), Delta("a"), Fail(from_status(503, "busy"))]
    effect = ScriptedEffect(
        broken, policy={"max_attempts": 2}, price=lambda provider, model, usage: Cost(0.5, price_table=model)
    )
    outbox = await effect.run()
    retrying = next(put.data for put in outbox.puts if put.label == "retrying@1")
    for data in (retrying, effect.ending):
        assert data["usage"]["input_tokens"] == 7
        # Nobody told the output; one character came, which is a token at most.
        assert (data["usage"]["output_tokens"], data["usage"]["estimated"]) == (1, True)
        assert data["cost"] == {"amount": 0.5, "currency": "USD", "price_table": "served"}


@pytest.mark.parametrize(
    ("simulate", "story"),
    [
        ({"force_fail_attempts": 1}, ["started@1", "retrying@1", "retry_attempt_started@2", "completed@2"]),
        ({"latency_ms": 50}, ["started@1", "completed@1"]),
        ({"latency_ms_by_attempt": {"1": 200}}, ["started@1", "retrying@1", "retry_attempt_started@2", "completed@2"]),
        ({"latency": 50}, ["started@1", "failed@1"]),
    ],
)
async def test_simulated_faults_are_played_before_the_backend_is_called(simulate, story):
    effect = ScriptedEffect([Complete()], policy={"timeout_ms": 100}, simulate=simulate)
    assert (await effect.run()).story == story
    assert len(effect.backend.requests) == (0 if story[-1] == "failed@1" else 1)


async def test_a_wrong_override_is_a_config_failure_and_nothing_is_called():
    effect = ScriptedEffect(ANSWER, input={"llm": {"backend": "scriptd"}})
    outbox = await effect.run()
    assert outbox.story == ["started@1", "failed@1"]
    assert effect.ending["error_category"] == "config"
    assert "'scripted'" in effect.ending["reason"]
    assert effect.backend.requests == []


@pytest.mark.parametrize("label", ["streaming@1", "completed@1"])
async def test_an_outbox_that_breaks_is_told_to_whoever_runs_the_worker(label):
    def broken(put):
        if put.label == label or put.lifecycle in ("completed", "failed"):
            raise OSError("disk full")

    effect = ScriptedEffect(ANSWER, on_put=broken)
    with pytest.raises(OSError, match="disk full"):
        await effect.worker.run()
    assert effect.worker.done.is_set()
    assert len(effect.outbox.terminals) == 1
