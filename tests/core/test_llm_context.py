"""Rule 10: what the model is told of the conversation so far. The original told it nothing (W-21)."""

from typing import Any

import pytest

from jido_nb.core.catalogue import LLM_COMPLETED
from jido_nb.core.projections.llm_context import CONTEXT_TYPES, MAX_MESSAGES, llm_context
from jido_nb.core.signal import Recorded
from jido_nb.testing.builders import Storyteller, recorded, signal


def conversation(*endings: str) -> list[Recorded]:
    told = Storyteller()
    signals = []
    for number, ending in enumerate(endings):
        signals += told.turn(content=f"q{number}", chunks=[f"a{number}", "!"], ending=ending)  # type: ignore[arg-type]
    return recorded(signals)


def told(log: list[Recorded], **options: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in llm_context(log, **options)]


def test_questions_and_answers_alternate_oldest_first() -> None:
    assert told(conversation("completed", "completed")) == [
        ("user", "q0"),
        ("assistant", "a0!"),
        ("user", "q1"),
        ("assistant", "a1!"),
    ]


def test_an_answer_stands_behind_its_question_also_when_the_next_one_was_asked_before_it_came() -> None:
    first, second = (Storyteller().turn(content=f"q{n}", chunks=[f"a{n}"]) for n in (0, 1))
    second = [signal(s.type, id=f"second/{s.id}", **s.data) for s in second]
    late = [
        signal(s.type, id=f"late/{s.id}", **{**s.data, "effect_id": f"llm-generation-{second[0].id}"})
        for s in second
        if "effect_id" in s.data
    ]
    log = recorded([first[0], second[0], *first[1:], *late])
    assert told(log) == [("user", "q0"), ("assistant", "a0"), ("user", "q1"), ("assistant", "a1")]


@pytest.mark.parametrize("ending", ["failed", "canceled", "none"])
def test_an_answer_that_did_not_end_well_is_left_out(ending: str) -> None:
    assert told(conversation(ending, "completed")) == [("user", "q0"), ("user", "q1"), ("assistant", "a1!")]


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_unless_it_is_asked_for(ending: str) -> None:
    assert told(conversation(ending), include_partial=True) == [("user", "q0"), ("assistant", "a0!")]


def test_the_last_forty_messages_are_told() -> None:
    log = conversation(*["completed"] * 30)
    assert MAX_MESSAGES == 40
    assert told(log) == told(log, max_messages=None)[-40:]
    assert len(told(log, max_messages=None)) == 60
    assert told(log, max_messages=3)[0] == ("assistant", "a28!")


@pytest.mark.parametrize("limit", [0, -1, None])
def test_no_limit_tells_all(limit: int | None) -> None:
    assert len(told(conversation(*["completed"] * 25), max_messages=limit)) == 50


def test_deltas_are_told_only_when_asked_for() -> None:
    assert told(conversation("completed"), include_deltas=True) == [
        ("user", "q0"),
        ("assistant", "a0!"),
        ("assistant", "a0!"),
    ]


def test_tools_are_told_unless_asked_not_to() -> None:
    log = recorded([signal(content="q"), signal("conv.out.tool.status", message="looked it up")])
    assert told(log) == [("user", "q"), ("tool", "looked it up")]
    assert told(log, include_tool_status=False) == [("user", "q")]


def test_the_role_of_a_message_is_kept() -> None:
    assert told(recorded([signal(content="be brief", role="system"), signal(content="")])) == [("system", "be brief")]


def test_the_types_it_names_are_all_it_needs() -> None:
    log = conversation("completed", "failed", "canceled")
    needed = [each for each in log if each.signal.type in CONTEXT_TYPES]
    assert told(needed, include_partial=True) == told(log, include_partial=True)
    assert llm_context(log)[0].to_payload() == {"role": "user", "content": "q0"}


def test_an_answer_that_was_more_than_text_carries_its_providers_blocks() -> None:
    story = Storyteller()
    plain, rich = story.turn(content="q0", chunks=["a0"]), story.turn(content="q1", chunks=["a1"])
    content = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "a1"}]
    rich = [
        signal(one.type, id=one.id, **{**one.data, "result": {"provider": "acme", "metadata": {"content": content}}})
        if one.type == LLM_COMPLETED
        else one
        for one in rich
    ]
    messages = llm_context(recorded([*plain, *rich]))
    assert [message.to_payload().get("blocks") for message in messages] == [
        None,
        None,
        None,
        {"provider": "acme", "content": content},
    ]
