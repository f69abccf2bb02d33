"""The fold of attempts, at its edges."""

from collections.abc import Callable
from typing import Any

import pytest

from jido_nb.analysis.attempts import Effect
from jido_nb.analysis.folding import fold_effects
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.gaps import gap_ms
from jido_nb.analysis.source import opened
from jido_nb.analysis.told import read_told
from jido_nb.core.signal import Recorded


def folded(log: list[Recorded]) -> list[Effect]:
    with opened(log) as found:
        return list(fold_effects(read_told(found)))


def only(log: list[Recorded]) -> Effect:
    (effect,) = folded(log)
    return effect


def test_an_effect_that_was_canceled_before_it_began_has_no_attempt(story: Any) -> None:
    story.message(0).cancel(5, cause_id=None, duration_ms=None)
    effect = only(story.log)
    assert (effect.status, effect.attempts, effect.started_us, effect.duration_ms) == ("canceled", [], None, None)


def test_after_a_crash_the_end_of_an_attempt_is_unknown(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.text(40, "Once", (30.0, 4))
    effect.fail(
        86_400_000, duration_ms=None, error_category="unknown", details={"recovered": True}, partial_text="Once"
    )
    effect_now = only(story.log)
    (attempt,) = effect_now.attempts
    assert (effect_now.status, effect_now.recovered, effect_now.duration_ms) == ("failed", True, None)
    assert (attempt.outcome, attempt.duration_ms, attempt.ended_us, attempt.first_chunk_ms) == (
        "failed",
        None,
        None,
        30.0,
    )
    assert attempt.last_us == attempt.started_us + 39_000


def test_what_follows_an_ending_changes_nothing(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.complete(10, "done", duration_ms=9.0)
    effect.fail(20, duration_ms=19.0)
    assert only(story.log).status == "completed"


def test_the_same_effect_id_in_two_conversations_is_two_effects(new_story: Callable[..., Any]) -> None:
    one = new_story("a")
    two = new_story("b", one)
    first, second = one.message(0), two.message(1)
    first.start(2)
    second.start(3)
    second.complete(4, "b", duration_ms=1.0)
    first.complete(5, "a", duration_ms=3.0)
    assert {(effect.conversation_id, effect.seq): effect.status for effect in folded(one.log)} == {
        ("a", 3): "completed",
        ("b", 4): "completed",
    }


def test_an_answer_that_was_not_streamed_counts_its_characters(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.complete(10, "done", duration_ms=9.0, thinking="hm")
    (attempt,) = only(story.log).attempts
    assert (len(attempt.at_ms), attempt.characters, attempt.thinking_characters) == (0, 4, 2)


def test_an_attempt_says_whether_its_usage_is_a_guess_and_which_table_priced_it(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    guess = {"input_tokens": 3, "output_tokens": 2, "estimated": True}
    effect.retry(10, duration_ms=9.0, wait_ms=0, usage=guess, cost={"amount": 0.5, "price_table": "prices 1.2"})
    effect.again(11)
    effect.retry(20, duration_ms=9.0, wait_ms=0, usage=None, cost=None)
    effect.again(21)
    effect.complete(30, "done", duration_ms=9.0)
    assert [(one.usage_estimated, one.price_table) for one in only(story.log).attempts] == [
        (True, "prices 1.2"),
        (None, None),
        (False, "test"),
    ]


@pytest.mark.parametrize("cut", range(12))
def test_a_log_that_begins_in_the_middle_still_folds(eventful_log: list[Recorded], cut: int) -> None:
    effects = [effect for effect in folded(eventful_log[cut:]) if effect.effect_id == "llm-generation-m1"]
    assert [effect.status for effect in effects] == ["completed", "canceled"]


def test_open_effects_come_last_and_still_run(eventful_log: list[Recorded]) -> None:
    assert [effect.status for effect in folded(eventful_log)][-1] == "running"


@pytest.mark.parametrize(
    ("at_ms", "quantile", "gap"),
    [
        ([], 0.5, None),
        ([1.0], 0.5, None),
        ([1.0, 4.0], 0.95, 3.0),
        ([0.0, 1.0, 3.0, 6.0], 0.5, 2.0),
        ([0.0, 1.0, 3.0, 6.0], 1.0, 3.0),
        ([0.0, 1.0, 3.0], 0.5, 1.5),
    ],
)
def test_gaps_are_interpolated(at_ms: list[float], quantile: float, gap: float | None) -> None:
    assert gap_ms(at_ms, quantile) == gap


def test_an_attempt_tells_what_it_waited_wasted_and_belongs_to(eventful_log: list[Recorded]) -> None:
    frame = attempts_df(eventful_log)
    names = ["turn", "outcome", "wait_ms", "waited_ms", "retry_after_honoured"]
    cells = frame[[*names, "wasted_tokens", "wasted_cost_usd", "wasted_ms"]].astype(object)
    assert [tuple(row) for row in cells.where(cells.notna(), None).itertuples(index=False, name=None)] == [
        (1, "retried", 150.0, 150.0, True, 11, 0.05, 60.0),
        (1, "completed", None, None, None, 0, 0.0, 0.0),
        (2, "canceled", None, None, None, 0, 0.0, 0.0),
        # Canceled in its wait: no attempt followed, and its usage was never told.
        (1, "retried", 100.0, 21.0, None, None, None, 10.0),
        (2, "failed", None, None, None, None, None, 10.0),
        (3, "running", None, None, None, 0, 0.0, 0.0),
    ]


@pytest.mark.parametrize(("wait_ms", "honoured"), [(99, False), (100, True), (101, True)])
def test_retry_after_is_honoured_by_a_wait_that_is_as_long(story: Any, wait_ms: int, honoured: bool) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.retry(10, duration_ms=9.0, wait_ms=wait_ms, retry_after_ms=100)
    effect.again(200)
    assert only(story.log).attempts[0].retry_after_honoured is honoured


def test_a_server_that_asked_for_too_much_is_told_of_though_nobody_waited(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    effect.fail(10, duration_ms=9.0, details={"status": 429, "retry_after_ms": 90_000, "gave_up": "retry_after"})
    (attempt,) = only(story.log).attempts
    assert (attempt.retry_after_ms, attempt.retry_after_honoured) == (90_000.0, None)
