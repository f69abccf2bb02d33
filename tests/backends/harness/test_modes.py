"""The harness with the stand-in CLI: a real process for every way in which an agent answers, fails or misbehaves."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from jido_nb.backends.harness.backend import Harness
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import AgentRetry, LLMEvent, Retraction
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.result import LLMResult
from jido_nb.simulator.agent_modes import SHORT, STATUSES
from jido_nb.simulator.texts import THOUGHTS

from .conftest import PATIENT

pytestmark = pytest.mark.anyio

Ask = Callable[..., LLMRequest]
Open = Callable[..., AbstractAsyncContextManager[Harness]]


async def streamed(backend: Harness, request: LLMRequest) -> tuple[list[LLMEvent], LLMResult]:
    async with backend.stream(request) as stream:
        events = [event async for event in stream]
    result = events[-1].result
    assert events[-1].lifecycle == "completed"
    assert result is not None
    return events, result


async def failure(backend: Harness, request: LLMRequest) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await streamed(backend, request)
    return caught.value


ANSWERS = {
    "short": SHORT,
    "u2028": "one\u2028two\u2029three\x85four",
    "no-newline": SHORT,
    "garbage": SHORT,
    "stderr-flood": SHORT,
    "tools": "There are three.",
    "tool-denied": "I may not do that.",
    "retries": SHORT,
    "retracts": "Kept. This stays.",
    "leaves-child": SHORT,
    "lingers": SHORT,
    "huge-line": "x" * 3_000_000,
}


@pytest.mark.parametrize("mode", ANSWERS)
async def test_an_answer_is_whole_however_it_is_written(mode: str, ask: Ask, harness: Open, offspring: Any) -> None:
    async with harness(grace=replace(PATIENT, exit_s=0.2) if mode == "lingers" else PATIENT) as backend:
        events, result = await streamed(backend, ask(f"simulated:{mode}"))
        assert result.text == ANSWERS[mode]
        assert (result.backend, result.provider, result.model) == ("harness", "simulated", mode)
        assert (result.finish_reason, result.usage is not None) == ("end_turn", True)
        assert [event.sequence for event in events] == list(range(len(events)))
        assert [event.lifecycle for event in events].count("started") == 1
        started = events[0].metadata
        assert started["execution_ref"] == result.metadata["execution_ref"]
        assert started["session_id"] == result.metadata["session_id"]
        assert result.metadata["version"] == "1.0"
        assert offspring() == []


async def test_thinking_is_apart_from_the_answer(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        _, result = await streamed(backend, ask("simulated:thinking"))
    assert (result.thinking, result.text) == (THOUGHTS, "There are **4** primes below ten: 2, 3, 5 and 7.")


async def test_tools_show_every_step(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        events, result = await streamed(backend, ask("simulated:tools"))
    steps = [(event.tool.id, event.tool.status) for event in events if event.tool]
    assert steps == [
        ("call-1", "pending"),
        ("call-1", "running"),
        ("call-1", "completed"),
        ("call-2", "running"),
        ("call-2", "failed"),
    ]
    assert [(call.name, call.status, call.output, call.kind) for call in result.tool_calls] == [
        ("Bash", "completed", "3\n", "server"),
        ("Read", "failed", "no such file", "server"),
    ]


async def test_retries_of_the_agent_itself_are_told(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        events, result = await streamed(backend, ask("simulated:retries"))
    retries = [event.aside for event in events if isinstance(event.aside, AgentRetry)]
    assert [(retry.attempt, retry.category, retry.status) for retry in retries] == [
        (1, "provider", 529),
        (2, "provider", 529),
    ]
    assert result.metadata["agent_retries"] == 2


async def test_text_that_is_taken_back_is_replaced(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        events, _ = await streamed(backend, ask("simulated:retracts"))
    assert [event.aside for event in events if isinstance(event.aside, Retraction)] == [Retraction(6, 0)]


async def test_records_that_nobody_knows_are_counted(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        _, result = await streamed(backend, ask("simulated:garbage"))
    assert result.metadata["provider_events"] == {"no JSON": 4, "text": 1, "tool": 1, "weather": 1}


async def test_start_gives_the_whole_answer(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        result = await backend.start(ask("simulated:tools", stream=False))
    assert (result.text, len(result.tool_calls)) == ("There are three.", 2)


FAILURES: dict[str, tuple[str, bool, dict[str, Any], str]] = {
    # mode: (category, retryable, details, partial text)
    "silent": ("transport", True, {"exit_code": 0, "truncated": True}, ""),
    "no-result": ("transport", True, {"exit_code": 0, "truncated": True}, "half of"),
    "truncated": ("transport", True, {"exit_code": 0, "truncated": True}, "half of"),
    "leaves-child-no-result": ("transport", True, {"exit_code": 0, "truncated": True}, "half of"),
    "exit-3": ("transport", True, {"exit_code": 3, "stderr": "Error: the disk is full"}, "half of"),
    "bad-flag": ("config", False, {"exit_code": 1}, ""),
    "not-logged-in": ("auth", False, {"exit_code": 1}, ""),
    "refused": ("transport", True, {}, ""),
    "timed-out": ("timeout", True, {}, ""),
    "odd-failure": ("unknown", False, {}, ""),
    "flaky-429": ("provider", True, {"status": 429, "retry_after_ms": 100}, ""),
}


@pytest.mark.parametrize("mode", FAILURES)
async def test_a_failure_has_its_category(mode: str, ask: Ask, harness: Open, offspring: Any) -> None:
    category, retryable, details, partial = FAILURES[mode]
    async with harness() as backend:
        error = await failure(backend, ask(f"simulated:{mode}"))
        assert (error.category, error.retryable, error.partial_text) == (category, retryable, partial)
        assert details.items() <= error.details.items()
        assert offspring() == []


async def test_an_http_status_decides_as_it_does_for_every_backend(ask: Ask, harness: Open) -> None:
    found: dict[int, tuple[str, bool]] = {}

    async def look(status: int) -> None:
        error = await failure(backend, ask(f"simulated:status-{status}"))
        found[status] = (error.category, error.retryable)

    async with harness() as backend, anyio.create_task_group() as group:
        for status in STATUSES:
            group.start_soon(look, status)
    never = {400: "provider", 401: "auth", 403: "auth", 404: "provider", 422: "provider"}
    assert {status: category for status, (category, again) in found.items() if not again} == never
    assert {category for category, again in found.values() if again} == {"provider", "timeout"}


async def test_a_run_that_failed_is_forgotten_by_its_conversation(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        await failure(backend, ask("simulated:flaky-503", attempt=1))
        _, result = await streamed(backend, ask("simulated:echo"))
        assert " new\n" in result.text


async def test_silence_at_the_start_has_its_own_limit(ask: Ask, harness: Open, offspring: Any) -> None:
    async with harness({"simulated": {"start_timeout_ms": 150}}) as backend:
        error = await failure(backend, ask("simulated:never-starts"))
        assert (error.category, error.details["which"]) == ("timeout", "start")
        assert offspring() == []


async def test_a_line_without_end_is_refused(ask: Ask, harness: Open, offspring: Any) -> None:
    async with harness({"simulated": {"max_line_bytes": 100_000}}) as backend:
        error = await failure(backend, ask("simulated:huge-line"))
        assert (error.category, error.retryable) == ("transport", False)
        assert offspring() == []
