"""A stream is the sum of its events, and says so when it breaks off."""

import pytest

from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.fold import Fold
from jido_nb.llm.result import LLMResult, ToolCall
from jido_nb.llm.usage import Cost, Usage


def fold(*events: LLMEvent) -> Fold:
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded


def test_every_character_of_the_text_is_kept() -> None:
    """W-15: whitespace chunks are text."""
    pieces = ["Hello", " ", "big", "\n", " world ", ""]
    events = [LLMEvent("delta", number, piece) for number, piece in enumerate(pieces)]
    assert fold(*events, LLMEvent("completed", 9)).result().text == "Hello big\n world "


def test_the_result_of_the_backend_is_the_result() -> None:
    result = LLMResult(text="whole", finish_reason="end_turn")
    assert fold(LLMEvent("delta", 0, "part"), LLMEvent("completed", 1, result=result)).result() is result


def test_a_tool_call_is_kept_once_as_last_seen() -> None:
    first = ToolCall(id="t", name="f")
    second = ToolCall(id="t", name="f", arguments={"x": 1})
    folded = fold(LLMEvent("tool", 0, tool=first), LLMEvent("tool", 1, tool=second), LLMEvent("completed", 2))
    assert folded.result().tool_calls == [second]


def test_a_stream_without_its_ending_is_a_failure() -> None:
    """W-13: an empty or truncated stream is never a success."""
    usage = Usage(input_tokens=3)
    folded = fold(LLMEvent("started", 0), LLMEvent("delta", 1, "half", usage=usage))
    with pytest.raises(LLMError) as caught:
        folded.result()
    error = caught.value
    assert (error.category, error.details["truncated"], error.partial_text, error.usage) == (
        "transport",
        True,
        "half",
        usage,
    )
    with pytest.raises(LLMError):
        Fold().result()


@pytest.mark.parametrize(
    ("ending", "category"),
    [
        (LLMEvent("failed", 1, error=LLMError.of("auth", "no")), "auth"),
        (LLMEvent("failed", 1), "unknown"),
        (LLMEvent("canceled", 1), "canceled"),
    ],
)
def test_the_first_ending_counts(ending: LLMEvent, category: str) -> None:
    folded = fold(LLMEvent("delta", 0, "x"), ending, LLMEvent("completed", 2), LLMEvent("delta", 3, "y"))
    with pytest.raises(LLMError) as caught:
        folded.result()
    assert (caught.value.category, caught.value.partial_text) == (category, "x")


def test_later_usage_replaces_what_it_knows_and_keeps_the_rest() -> None:
    folded = fold(
        LLMEvent("delta", 0, "x", usage=Usage(input_tokens=5, output_tokens=1)),
        LLMEvent("delta", 1, "y", usage=Usage(output_tokens=9)),
    )
    assert folded.usage == Usage(input_tokens=5, output_tokens=9)
    assert folded.usage.total_tokens == 14
    assert Usage().total_tokens is None


def test_a_result_survives_its_payload() -> None:
    result = LLMResult(
        text=" a ",
        thinking="b",
        tool_calls=[ToolCall(id="1", name="f", arguments={"x": [1]}, kind="server", status="completed", output="ok")],
        finish_reason="tool_use",
        usage=Usage(input_tokens=1),
        cost=Cost(0.5, price_table="t"),
        model="m",
        metadata={"k": 1},
    )
    assert LLMResult.from_payload(result.to_payload()) == result


def test_each_event_has_its_own_metadata() -> None:
    LLMEvent("started", 0).metadata["x"] = 1
    assert LLMEvent("started", 0).metadata == {}
