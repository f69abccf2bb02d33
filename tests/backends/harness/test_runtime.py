"""A coding agent behind a whole runtime: what the log holds of it, and what a turn shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from jido_nb.core.projections.turn import TurnView
from jido_nb.core.signal import Signal
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.llm.event import AgentRetry, LLMEvent, Retraction
from jido_nb.llm.fold import Fold
from jido_nb.runtime.joiner import DeltaJoiner
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime

pytestmark = pytest.mark.anyio

EFFECT = "conv.effect.**"


@asynccontextmanager
async def runtime_with(**effects: Any) -> AsyncIterator[Runtime]:
    settings = {"llm": {"default_backend": "harness"}, "effects": {"llm": {"backoff_ms": 1, **effects}}}
    async with open_runtime(settings) as runtime:
        yield runtime


async def log_of(runtime: Runtime) -> list[Signal]:
    return [recorded.signal for recorded in await runtime.events(EFFECT)]


async def test_every_signal_says_whose_it_is_and_in_which_session() -> None:
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:simulated:tools")
        result = await turn.result()
        first, *rest = await log_of(runtime)
    asked = {"backend": "harness", "provider": "simulated", "model": "tools"}
    assert asked.items() <= first.data.items()
    assert first.data["timeout_ms"] == 600_000
    for signal in rest:
        assert asked.items() <= signal.data.items()
        assert signal.data["session_id"] == result.metadata["session_id"]
        assert signal.data["execution_ref"] == result.metadata["execution_ref"]
    tools = [signal.data["tool_status"] for signal in rest if signal.data.get("status") == "tool"]
    assert tools == ["pending", "running", "completed", "running", "failed"]


async def test_the_next_turn_goes_on_with_the_session() -> None:
    async with runtime_with() as runtime:
        chat = runtime.conversation("c", model="harness:simulated:echo")
        first = await (await chat.send("one")).result()
        second = await (await chat.send("two")).result()
    assert first.text.endswith("new\none")
    assert second.text == f"session {first.metadata['session_id']} resumed\ntwo"


async def test_a_retry_is_a_run_of_its_own() -> None:
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:simulated:flaky-503")
        await turn.result()
        log = await log_of(runtime)
    assert turn.attempts == 3
    refs = [signal.data.get("execution_ref") for signal in log if signal.data.get("status") == "retrying"]
    assert refs == ["harness-1", "harness-2"]


async def test_an_agent_that_has_used_tools_is_not_asked_again() -> None:
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:simulated:tools-503")
        with pytest.raises(GenerationFailed) as caught:
            await turn.result()
    error = caught.value.error
    assert (error.category, error.status, error.retryable, caught.value.attempts) == ("provider", 503, False, 1)
    assert error.details["tools_used"] == 1


@pytest.mark.parametrize(
    ("mode", "rung", "swept"),
    [("tool-wait", "SIGINT", 0), ("own-session", "SIGINT", 1), ("ignores-signals", "SIGKILL", 0)],
)
async def test_the_canceled_signal_says_what_it_took(mode: str, rung: str, swept: int, offspring: Any) -> None:
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model=f"harness:simulated:{mode}")
        async for event in turn:
            if event.kind == ("delta" if mode == "ignores-signals" else "tool"):
                break
        assert await turn.cancel("enough")
        with pytest.raises(GenerationCanceled, match="enough"):
            await turn.result()
        last = (await log_of(runtime))[-1]
        assert offspring() == []
    assert last.data["backend_cancel"] == "ok"
    details = last.data["backend_cancel_details"]
    assert (details["rung"], details["swept"]) == (rung, swept)
    assert last.data["session_id"]


async def test_silence_is_a_timeout_of_the_runtime_and_ends_the_agent(offspring: Any) -> None:
    async with runtime_with(idle_timeout_ms=100, max_attempts=1) as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:simulated:stall")
        with pytest.raises(GenerationFailed) as caught:
            await turn.result()
        assert (caught.value.error.category, caught.value.error.details["which"]) == ("timeout", "idle")
        assert caught.value.partial_text == "And then"
        assert offspring() == []


async def test_a_missing_agent_names_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    monkeypatch.setattr("jido_nb.backends.harness.executable._bundled", lambda package, inside: None)
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:claude")
        with pytest.raises(GenerationFailed, match="npm install -g @anthropic-ai/claude-code") as caught:
            await turn.result()
    assert (caught.value.error.category, caught.value.attempts) == ("config", 1)


async def test_text_that_is_taken_back_leaves_the_view_while_the_turn_goes_on() -> None:
    async with runtime_with(join_ms=0) as runtime:
        chat = runtime.conversation("c")
        turn = await chat.send("hi", model="harness:simulated:retracts")
        await turn.result()
        await runtime.idle()
        log, said = await log_of(runtime), await chat.timeline()
    view, texts = TurnView(), []
    kinds = []
    for signal in log:
        kinds += [event.kind for event in view.apply(signal)]
        texts.append(view.text)
    assert texts[-1] == "Kept. This stays."
    assert "Kept. This will be taken" in texts
    assert "Kept. " in texts[texts.index("Kept. This will be taken") :]
    assert kinds.count("retrying") == 1
    assert (view.attempt, view.retries) == (1, ())
    entries = [entry.content for entry in said if entry.kind == "delta"]
    assert "".join(entries) == "Kept. This stays."
    (retracted,) = [signal.data for signal in log if signal.data.get("status") == "retracted"]
    assert (retracted["kept_chars"], retracted["kept_thinking_chars"]) == (6, 0)


async def test_its_own_retries_are_shown_and_are_no_attempts_of_ours() -> None:
    async with runtime_with() as runtime:
        turn = await runtime.conversation("c").send("hi", model="harness:simulated:retries")
        await turn.result()
        log = await log_of(runtime)
    assert turn.attempts == 1
    told = [signal.data for signal in log if signal.data.get("status") == "agent_retrying"]
    assert [(data["agent_attempt"], data["agent_max_attempts"], data["wait_ms"]) for data in told] == [
        (1, 2, 5),
        (2, 2, 5),
    ]
    assert {(data["error_category"], data["details"]["status"]) for data in told} == {("provider", 529)}


def test_an_aside_lets_what_is_pending_go_first_and_goes_alone() -> None:
    joiner = DeltaJoiner(1000)
    joiner.offer(LLMEvent("delta", 0, "a"), 0)
    joiner.offer(LLMEvent("delta", 1, "b"), 1)
    text, alone = joiner.offer(LLMEvent("delta", 2, aside=Retraction(1, 0)), 2)
    assert text["token_delta"] == "b"
    assert alone == {"status": "retracted", "sequence": 2, "kept_chars": 1, "kept_thinking_chars": 0}
    (retry,) = joiner.offer(LLMEvent("delta", 3, aside=AgentRetry(1, reason="busy", category="provider")), 3)
    assert (retry["status"], retry["reason"], retry["details"]) == ("agent_retrying", "busy", {})


def test_the_sum_of_a_stream_is_without_what_was_taken_back() -> None:
    fold = Fold()
    for event in (
        LLMEvent("thinking", 0, thinking="hm"),
        LLMEvent("delta", 1, "Hello wor"),
        LLMEvent("delta", 2, aside=Retraction(5, 1)),
        LLMEvent("delta", 3, "!"),
        LLMEvent("completed", 4),
    ):
        fold.add(event)
    assert (fold.result().text, fold.result().thinking) == ("Hello!", "h")


async def test_an_agent_that_only_retries_is_silent_in_the_end() -> None:
    from jido_nb.runtime.attempt import MAX_LIVELY_RETRIES, Attempt
    from jido_nb.runtime.limits import Limits
    from jido_nb.runtime.pace import Pace

    attempt = Attempt(1, Limits(idle_ms=50), 0, Pace(), lambda payload: None)
    attempt.emit(LLMEvent("delta", 0, "a"))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(attempt.watch)
            number = MAX_LIVELY_RETRIES
            while attempt.expired is None:
                number += 1
                attempt.emit(LLMEvent("delta", number, aside=AgentRetry(number)))
                await anyio.sleep(0.01)
    assert attempt.expired == "idle"
