"""Records that no decoder knows, by the shapes that agents' records commonly have (reference 1.14)."""

from typing import Any

import pytest

from jido_nb.backends.harness.fallback import Extract, extract
from jido_nb.llm.usage import Usage

BLOCKS = {"message": {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]}}

FOUND: list[tuple[dict[str, Any], Extract]] = [
    ({"type": "output_text_delta", "payload": {"text": "hi"}}, Extract(("hi",))),
    ({"type": "text-delta", "delta": "hi"}, Extract(("hi",))),
    ({"type": "delta", "delta": " "}, Extract((" ",))),
    ({"type": "delta", "delta": "a", "text": "a"}, Extract(("a",))),
    ({"type": "assistant", **BLOCKS}, Extract(("yes",), ("hm",))),
    ({"type": "assistant", "text": "yes"}, Extract(("yes",))),
    ({"type": "thinking_delta", "text": "hm"}, Extract((), ("hm",))),
    ({"type": "output_text_final", "output_text": "all"}, Extract(final="all", ending="completed")),
    (
        {"type": "turn.completed", "usage": {"input_tokens": 3}},
        Extract(ending="completed", usage=Usage(input_tokens=3)),
    ),
    (
        {"type": "result", "result": "all", "stop_reason": "end"},
        Extract(final="all", ending="completed", finish_reason="end"),
    ),
    ({"type": "session_cancelled", "session_id": "s"}, Extract(ending="canceled", session_id="s")),
    ({"payload": {"output_text": "all"}}, Extract(final="all", ending="completed")),
    ({"text": "hi", "thread_id": "t"}, Extract(("hi",), session_id="t")),
    ({"type": "tool_call", "text": "x"}, Extract()),
    ({"type": "message", "usage": {}}, Extract()),
    ({"type": 3}, Extract()),
    ({}, Extract()),
]


@pytest.mark.parametrize(("record", "found"), FOUND)
def test_what_can_be_read_of_a_record(record: dict[str, Any], found: Extract) -> None:
    assert extract(record) == found


@pytest.mark.parametrize(
    ("record", "category", "retryable", "message"),
    [
        ({"type": "error", "error": "rate limited"}, "provider", True, "rate limited"),
        ({"type": "turn_failed", "error": {"message": "no", "status": 401}}, "auth", False, "no"),
        ({"type": "failed", "payload": {"error": {"code": 503}}}, "provider", True, "{'code': 503}"),
        ({"type": "result", "is_error": True, "result": "went wrong"}, "provider", True, "went wrong"),
        (
            {"type": "result", "subtype": "error_max_turns"},
            "provider",
            True,
            "the agent reported a failure without a reason",
        ),
        ({"type": "result", "status": "failure", "message": "no"}, "provider", True, "no"),
        ({"error": "no"}, "provider", True, "no"),
    ],
)
def test_a_failure_is_read_too(record: dict[str, Any], category: str, retryable: bool, message: str) -> None:
    found = extract(record)
    assert found.ending == "failed"
    assert found.error is not None
    assert (found.error.category, found.error.retryable, found.error.message) == (category, retryable, message)
