"""What the reader of a conversation sees of an effect."""

from typing import Any

import pytest

from jido_nb.core.directives import EmitOutput
from jido_nb.core.outputs import outputs_of
from jido_nb.testing.builders import signal

LLM, TOOL = "conv.effect.llm.generation", "conv.effect.tool.execution"
ABOUT = {"attempt": 2, "backend": "jido_ai", "provider": "simulated", "model": "story"}


def shown(kind: str, **data: Any) -> list[EmitOutput]:
    asking = signal(kind, id="s1", effect_id="e1", **data)
    return outputs_of(asking, asking.data)


def one(kind: str, **data: Any) -> EmitOutput:
    [output] = shown(kind, **data)
    assert (output.id, output.cause_id, output.conversation_id) == ("s1/out/0", "s1", "c1")
    return output


@pytest.mark.parametrize(
    ("data", "delta"),
    [
        ({"token_delta": "a", "delta": "b"}, "a"),
        ({"delta": "b", "result": {"delta": "c"}}, "b"),
        ({"result": {"delta": "c", "text": "d"}}, "c"),
        ({"result": {"text": "d"}}, "d"),
        ({"token_delta": "", "delta": "b"}, "b"),
        ({"token_delta": None, "delta": 7, "result": {"text": "d"}}, "d"),
    ],
)
def test_a_piece_of_text_is_a_delta(data: dict[str, Any], delta: str) -> None:
    output = one(f"{LLM}.progress", **data)
    assert (output.type, output.data["delta"]) == ("conv.out.assistant.delta", delta)


@pytest.mark.parametrize("text", [" ", "\n", "\n\n  ", "\t", " a ", "a\n"])
def test_white_space_is_text(text: str) -> None:
    """Rule 5; the original trimmed each delta and dropped blank ones (W-15)."""
    assert one(f"{LLM}.progress", token_delta=text).data["delta"] == text
    assert one(f"{LLM}.completed", result={"text": text}).data["content"] == text


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"status": "thinking", "thinking_delta": "hm"},
        {"status": "retrying", "reason": "503", "error_category": "x"},
        {"status": "retry_attempt_started"},
        {"result": None},
        {"result": "text"},
    ],
)
def test_progress_without_text_shows_nothing(data: dict[str, Any]) -> None:
    assert shown(f"{LLM}.progress", **data) == []


def test_the_beginning_shows_nothing() -> None:
    assert shown(f"{LLM}.started") == []


@pytest.mark.parametrize(
    ("data", "content"),
    [
        ({"content": "a", "result": {"text": "b"}}, "a"),
        ({"result": {"text": "b", "summary": "c"}}, "b"),
        ({"result": {"summary": "c"}}, "c"),
    ],
)
def test_a_completion_shows_the_answer(data: dict[str, Any], content: str) -> None:
    output = one(f"{LLM}.completed", **data)
    assert (output.type, output.data["content"]) == ("conv.out.assistant.completed", content)


@pytest.mark.parametrize("result", [None, {}, {"text": ""}, {"tool_calls": [{"id": "t1", "name": "look"}]}, ["x"]])
def test_a_completion_without_text_is_empty(result: Any) -> None:
    """The original showed a dump of the result's data structure to the user (W-28)."""
    assert one(f"{LLM}.completed", result=result).data["content"] == ""


def test_a_failure_is_shown_and_keeps_the_partial_text() -> None:
    """Rule 8; in the original the reply simply stopped (W-32)."""
    data = {"reason": "overloaded", "error_category": "provider", "partial_text": "Once upon"}
    output = one(f"{LLM}.failed", **data, **ABOUT)
    assert output.type == "conv.out.assistant.failed"
    assert output.data == {
        "output_id": "assistant-e1", "channel": "primary", "effect_id": "e1",
        "lifecycle": "failed", "status": "failed", **ABOUT,
        "content": "Once upon", "reason": "overloaded", "error_category": "provider",
    }  # fmt: skip


def test_a_cancel_is_shown_and_keeps_the_partial_text() -> None:
    """Rule 8; in the original the reply simply stopped (W-32)."""
    output = one(f"{LLM}.canceled", reason="user_cancel", partial_text="Once", **ABOUT)
    assert output.type == "conv.out.assistant.canceled"
    assert (output.data["content"], output.data["reason"], output.data["status"]) == ("Once", "user_cancel", "canceled")


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_an_early_end_without_text_has_empty_content(ending: str) -> None:
    assert one(f"{LLM}.{ending}").data["content"] == ""


def test_outputs_say_where_they_come_from() -> None:
    """Rule 6: the attempt travels with the delta, so that readers can drop what a retry voids (W-19)."""
    data = one(f"{LLM}.progress", token_delta="x", sequence=0, status="streaming", ingress="web", **ABOUT).data
    assert data == {
        "output_id": "assistant-e1", "channel": "web", "effect_id": "e1", "lifecycle": "progress",
        "status": "streaming",
        **ABOUT, "sequence": 0, "delta": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "channel"),
    [({"channel": "a", "ingress": "b"}, "a"), ({"ingress": "b"}, "b"), ({"channel": ""}, "primary"), ({}, "primary")],
)
def test_the_channel_is_the_messages_or_its_way_in(data: dict[str, Any], channel: str) -> None:
    assert one(f"{LLM}.completed", **data).data["channel"] == channel


@pytest.mark.parametrize("key", ["backend", "provider", "model"])
def test_the_attribution_is_looked_for_in_four_places(key: str) -> None:
    places: list[dict[str, Any]] = [
        {key: 1},
        {"result": {key: 2}},
        {"metadata": {key: 3}},
        {"result": {"metadata": {key: 4}}},
    ]
    for strongest, place in enumerate(places, 1):
        assert one(f"{LLM}.completed", **place).data[key] == strongest
    assert one(f"{LLM}.completed", metadata={key: 3}, result={"metadata": {key: 4}}).data[key] == 3


def test_usage_is_shown_when_there_is_any() -> None:
    assert one(f"{LLM}.completed", result={"usage": {"input_tokens": 3}}).data["usage"] == {"input_tokens": 3}
    assert "usage" not in one(f"{LLM}.completed", result={"usage": {}}).data


TOOL_FACTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"tool_name": "look", "tool_call_id": "t1", "tool_status": "running"},
     {"output_id": "tool-t1", "status": "running", "message": "running", "tool_name": "look", "tool_call_id": "t1"}),
    ({"tool_name": "look"}, {"output_id": "tool-e1", "status": "progress", "message": "progress"}),
    ({"tool_event": "call", "tool_message": "looking"}, {"status": "call", "message": "looking", "tool_event": "call"}),
    ({"result": {"tool_name": "look"}}, {"tool_name": "look"}),
    ({"result": {"metadata": {"tool_call_id": "t9"}}}, {"output_id": "tool-t9"}),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), TOOL_FACTS)
def test_a_tool_in_a_generation_shows_its_status(data: dict[str, Any], expected: dict[str, Any]) -> None:
    output = one(f"{LLM}.progress", **data)
    assert output.type == "conv.out.tool.status"
    assert expected.items() <= output.data.items()


def test_text_and_tool_of_one_signal_are_two_outputs() -> None:
    outputs = shown(f"{LLM}.progress", token_delta="x", tool_name="look")
    assert [(output.id, output.type) for output in outputs] == [
        ("s1/out/0", "conv.out.assistant.delta"),
        ("s1/out/1", "conv.out.tool.status"),
    ]


@pytest.mark.parametrize("lifecycle", ["started", "progress", "completed", "failed", "canceled"])
def test_every_step_of_a_tool_effect_is_a_status(lifecycle: str) -> None:
    output = one(f"{TOOL}.{lifecycle}", tool_name="add", reason="division by zero")
    assert output.type == "conv.out.tool.status"
    assert output.data == {
        "output_id": "tool-e1", "channel": "primary", "effect_id": "e1", "lifecycle": lifecycle, "status": lifecycle,
        "message": "division by zero", "tool_name": "add",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["conv.effect.timer.wait.completed", "conv.effect.own.thing.progress"])
def test_other_effects_show_nothing(kind: str) -> None:
    assert shown(kind, token_delta="x") == []
