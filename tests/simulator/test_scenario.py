import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.errors import closest
from jido_nb.simulator.asked import Asked, Said
from jido_nb.simulator.attempts import Attempts, attempt_key
from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.echo import echo_answer
from jido_nb.simulator.scenario import Answer, Echo, Scenario, Status
from jido_nb.simulator.steps import Reset, Stall, Text, Thinking, ToolUse, Wait, in_words


@given(st.text(), st.integers(1, 5))
def test_words_joined_are_the_text_again(text: str, words: int) -> None:
    assert "".join(in_words(text, words)) == text


@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        (Scenario.text("ok"), [None, None, None]),
        (Scenario.text("ok").after(Status(503), times=2), [503, 503, None, None]),
        (Scenario.text("ok").after(Status(503)).after(Status(429)), [429, 503, None]),
        (Scenario.always(Status(500)), [500, 500, 500]),
    ],
)
def test_attempts_come_in_order_and_the_last_one_repeats(scenario: Scenario, codes: list[int | None]) -> None:
    assert [getattr(scenario.attempt(number), "code", None) for number in range(1, len(codes) + 1)] == codes


def test_a_scenario_needs_an_attempt() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Scenario(())


@pytest.mark.parametrize("after", range(5))
def test_an_answer_breaks_after_so_many_pieces_whatever_stands_between(after: int) -> None:
    answer = Answer((Thinking.of("hm hm"), Text(("a", Wait(1), "b")), ToolUse.of("t", {}), Text(("c", "d"))))
    assert answer.breaking(Reset(), after=after).text == "abcd"[:after]


def test_an_answer_cannot_break_after_its_end() -> None:
    with pytest.raises(ValueError, match="has 2 pieces"):
        Answer.of("a b").breaking(Reset(), after=3)


def test_after_the_fault_nothing_is_said() -> None:
    assert Answer((Text(("a", Stall(), "b")), Text(("c",)))).text == "a"
    assert Answer((Text(("a",)), Stall(), Text(("c",)))).text == "a"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer.of("a"), "end_turn"),
        (Answer((ToolUse.of("t", {}),)), "tool_use"),
        (Answer((ToolUse.of("web_search", {}, server=True),)), "end_turn"),
        (Answer.of("a", pause_ms=1).breaking(Stall(), after=0), "end_turn"),
        (Answer((ToolUse.of("t", {}),), stop_reason="max_tokens"), "max_tokens"),
    ],
)
def test_the_stop_reason_follows_from_the_steps_unless_it_is_given(answer: Answer, reason: str) -> None:
    assert answer.reason_to_stop == reason


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_model_of_the_catalogue_says_in_one_line_what_it_does(name: str) -> None:
    description = CATALOGUE[name].description
    assert description
    assert "\n" not in description
    assert len(description) < 80
    assert closest(name + "x", CATALOGUE)


def test_the_story_streams_for_about_two_seconds() -> None:
    (story,) = CATALOGUE["story"].attempts
    assert isinstance(story, Answer)
    (text,) = story.steps
    assert isinstance(text, Text)
    assert 60 <= len(text.pieces) <= 80
    assert 1500 <= len(text.pieces) * text.pause_ms <= 2500


def test_each_effect_has_its_own_count() -> None:
    attempts = Attempts()
    one, other = attempt_key("m", "e1", b""), attempt_key("m", "e2", b"")
    assert [attempts.next(one), attempts.next(one), attempts.next(other)] == [1, 2, 1]


def test_the_table_of_counts_is_bounded() -> None:
    attempts = Attempts(limit=3)
    for number in range(100):
        attempts.next(str(number))
    assert len(attempts) == 3
    assert attempts.next("99") == 2
    assert attempts.next("0") == 1


def test_an_echo_shows_every_message_and_does_not_grow_without_bound() -> None:
    asked = Asked("echo", False, (Said("user", "one\ntwo"), Said("assistant", "x" * 500)), "be brief", 0, {})
    text = echo_answer(Echo(), asked).text
    assert text.splitlines()[:3] == ["I received 2 messages:", "system: be brief", "1. user: one two"]
    assert len(text) < 300
