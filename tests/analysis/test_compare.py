"""Two sets of turns side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

import jido_nb
from jido_nb.analysis.compare import compare
from jido_nb.analysis.comparison import COMPARISON_COLUMNS, Comparison
from jido_nb.analysis.pairing import pair_turns
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError
from jido_nb.journal.sqlite import SqliteJournal

Story = Any


def ask(
    story: Story, at_ms: float, id: str, prompt: str, text: str, *, backend: str = "jido_ai", retry: int = 0
) -> None:
    """A turn that is tried again `retry` times, 10 ms each, and then answered in 20 ms."""
    effect = story.message(at_ms, id, prompt)
    effect.asked["backend"] = backend
    effect.start(at_ms)
    for number in range(retry):
        effect.retry(at_ms + 10 * number + 5, duration_ms=5.0, wait_ms=5)
        effect.again(at_ms + 10 * number + 10)
    end_ms = at_ms + 10 * retry + 20
    effect.text(end_ms - 10, text, (10.0, len(text)))
    effect.complete(end_ms, text, duration_ms=20.0, backend=backend)
    story.mark(end_ms)


def fail(story: Story, at_ms: float, id: str, prompt: str, **asked: Any) -> None:
    effect = story.message(at_ms, id, prompt)
    effect.asked |= asked
    effect.start(at_ms)
    effect.fail(at_ms + 5, duration_ms=5.0, error_category="auth", details={"status": 401})
    story.mark(at_ms + 5)


def run(new_story: Callable[..., Story], text: str, *, retry: int = 0, more: str | None = None) -> list[Recorded]:
    story = new_story("c1")
    ask(story, 0, "m1", "Tell me a story.", "Once upon a time.\nThe end.")
    ask(story, 100, "m2", "And <b>then</b>?", text, retry=retry)
    fail(story, 200, "m3", "Who are you?")
    if more is not None:
        ask(story, 300, "m4", more, "More.")
    return story.log  # type: ignore[no-any-return]


@pytest.fixture
def runs(new_story: Callable[..., Story]) -> tuple[list[Recorded], list[Recorded]]:
    return run(new_story, "Then it rained."), run(new_story, "Then it <i>snowed</i>.", retry=2, more="What else?")


@pytest.fixture
def comparison(runs: tuple[list[Recorded], list[Recorded]]) -> Comparison:
    return compare(*runs, names=("old", "new"))


def test_turns_are_paired_and_told_apart(comparison: Comparison) -> None:
    frame = comparison.turns_df()
    assert list(frame.columns) == [column.name for column in COMPARISON_COLUMNS]
    assert frame["pair"].tolist() == [1, 2, 3, 4]
    assert frame["status_a"].fillna("").tolist() == ["completed", "completed", "failed", ""]
    assert frame["status_b"].tolist() == ["completed", "completed", "failed", "completed"]
    assert frame["same_text"].astype(object).where(frame["same_text"].notna(), None).tolist() == [
        True,
        False,
        None,
        None,
    ]
    assert frame["attempts_b"].tolist() == [1, 3, 1, 1]
    assert frame["duration_ms_delta"].fillna(-1).tolist() == [0.0, 20.0, 0.0, -1.0]
    assert comparison.names == ("old", "new")


def test_an_empty_comparison_has_the_same_columns_and_dtypes(comparison: Comparison) -> None:
    empty = compare([], [])
    assert empty.turns_df().dtypes.equals(comparison.turns_df().dtypes)
    assert empty.attempts_df().dtypes.equals(comparison.attempts_df().dtypes)
    assert empty.summary_df().dtypes.equals(comparison.summary_df().dtypes)
    assert "no question was answered on both sides" in repr(empty)
    assert isinstance(empty.plot(), Axes)


def test_attempts_of_both_sides_make_a_matrix(comparison: Comparison) -> None:
    attempts = comparison.attempts_df()
    assert attempts.groupby(["side", "pair"]).size().to_dict() == {
        ("old", 1): 1, ("old", 2): 1, ("old", 3): 1, ("new", 1): 1, ("new", 2): 3, ("new", 3): 1, ("new", 4): 1,
    }  # fmt: skip
    assert retry_matrix(attempts, columns="side").loc["provider"].to_dict() == {"new": 2, "old": 0}


def test_the_summary_counts_what_was_thrown_away_too(comparison: Comparison) -> None:
    summary = comparison.summary_df().set_index("measure")
    assert summary.loc["turns", ["a", "b"]].tolist() == [3, 4]
    assert summary.loc["retries", ["a", "b"]].tolist() == [0, 2]
    assert summary.loc["output tokens", ["a", "b"]].tolist() == [8, 12]
    assert summary.loc["cost", ["a", "b"]].tolist() == [0.5, 0.75]


def test_it_reads_at_a_glance(comparison: Comparison) -> None:
    assert repr(comparison).splitlines() == [
        "Comparison of old with new",
        "  questions: 3 on both sides, 1 only in new",
        "  answers: 1 of 2 are the same; similarity 83% in the median",
        "",
        "                             old      new",
        "  turns                      3        4",
        "  completed                  2        3",
        "  failed                     1        1",
        "  attempts                   3        6",
        "  retries                    0        2",
        "  duration, median           20 ms    20 ms",
        "  duration, 95th percentile  20 ms    37 ms",
        "  first chunk, median        10 ms    10 ms",
        "  input tokens               20       30",
        "  output tokens              8        12",
        "  cost                       0.5 USD  0.75 USD",
        "  failures of attempts       auth 1   auth 1, provider 2",
    ]


def test_a_text_difference_shows_both_sides_and_no_markup_of_theirs(comparison: Comparison) -> None:
    diff = comparison.text_diff(2)
    shown = diff._repr_mimebundle_()
    assert not diff.same
    assert "<i>" not in shown["text/html"]
    assert "<del" in shown["text/html"]
    assert shown["text/html"].count("<tr>") == 2
    assert repr(diff).splitlines()[1].startswith("~ Then it rained.")
    assert "| Then it <i>snowed</i>." in repr(diff)
    assert comparison.text_diff(1).same


def test_a_text_difference_says_which_side_did_not_complete(comparison: Comparison) -> None:
    assert comparison.text_diff(1).names == ("old", "new")
    assert comparison.text_diff(3).names == ("old (failed)", "new (failed)")
    assert comparison.text_diff(4).names == ("old (not asked)", "new")


@pytest.mark.parametrize("turn", [0, 5, -1, True, "1", 1.0])
def test_a_pair_that_is_none_is_refused(comparison: Comparison, turn: Any) -> None:
    with pytest.raises(ConfigError, match="there are 4 pairs here"):
        comparison.text_diff(turn)


def test_what_a_log_holds_is_escaped_everywhere(new_story: Callable[..., Story]) -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    story = new_story(evil)
    ask(story, 0, "m1", evil, evil)
    comparison = compare(story.log, [], names=(evil, "b"))
    for shown in (comparison._repr_mimebundle_(), comparison.text_diff(1)._repr_mimebundle_()):
        assert "<script" not in shown["text/html"]
        assert "\x1b" not in shown["text/plain"]
    comparison.plot().get_figure(root=True).canvas.draw()  # type: ignore[union-attr]


def test_two_conversations_two_files_and_two_backends(
    new_story: Callable[..., Story], runs: tuple[list[Recorded], list[Recorded]], tmp_path: Path
) -> None:
    paths = [tmp_path / "monday.sqlite", tmp_path / "tuesday.sqlite"]
    for path, log in zip(paths, runs, strict=True):
        journal = SqliteJournal(path)
        journal.append([recorded.signal for recorded in log])
        journal.close()
    assert compare(*paths).names == ("monday", "tuesday")
    story = new_story("one")
    ask(story, 0, "m1", "Hello?", "Hi.")
    other = new_story("two", story)
    ask(other, 100, "m2", "Hello?", "Good day.", backend="harness")
    for how in ({"by": "backend"}, {"by": "conversation_id"}, {"by": "backend", "between": ("harness", "jido_ai")}):
        comparison = compare(story.log, **how)  # type: ignore[arg-type]
        assert [len(comparison.a.attempts), len(comparison.b.attempts), len(comparison.pairs)] == [1, 1, 1]
    assert compare(story.log, by="backend").names == ("jido_ai", "harness")
    assert compare(story.log, by="backend", between=("harness", "jido_ai")).names == ("harness", "jido_ai")


def test_conversations_of_a_lab_are_sources() -> None:
    with jido_nb.Lab() as lab:
        chats = [lab.conversation(name, model="simulated:echo") for name in ("a", "b")]
        for chat in chats:
            chat.ask("Hello?")
        comparison = compare(*chats)
    assert comparison.names == ("a", "b")
    assert comparison.turns_df()["same_text"].tolist() == [True]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "compare takes a second source, or by="),
    ({"b": [], "by": "backend"}, "compare takes a second source, or by="),
    ({"by": "bakend"}, "turns_df has no column 'bakend'. Did you mean 'backend'"),
    ({"by": "backend"}, "backend holds 'jido_ai' here; between= names the two"),
    ({"by": "backend", "between": ("jido_ai", "x")}, "backend holds 'jido_ai' here, not 'x'"),
    ({"b": [], "names": ("a", "a")}, "two different names"),
]


@pytest.mark.parametrize(("how", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_cannot_be_compared_is_refused(
    runs: tuple[list[Recorded], list[Recorded]], how: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compare(runs[0], **how)
    assert told in str(caught.value)


def test_a_number_that_is_none_cannot_be_drawn(comparison: Comparison) -> None:
    with pytest.raises(ConfigError, match=r"value is one of turn, attempts, wait_ms, .* not 'status'"):
        comparison.plot("status")


def turn(conversation: str, prompt: str) -> dict[str, Any]:
    return {"conversation_id": conversation, "prompt": prompt}


PAIRINGS: list[tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[int | None, int | None]]]] = [
    ([("c", "x"), ("c", "y")], [("c", "y"), ("c", "x")], [(0, 1), (1, 0)]),
    ([("c", "x"), ("c", "x")], [("c", "x"), ("c", "x")], [(0, 0), (1, 1)]),
    ([("c", "x")], [("d", "x"), ("c", "x")], [(0, 1), (None, 0)]),
    ([("c", "x"), ("d", "x")], [("e", "x"), ("d", "x")], [(0, 0), (1, 1)]),
    ([("c", " x\n y")], [("d", "x y ")], [(0, 0)]),
    ([("c", "x")], [("c", "y")], [(0, None), (None, 0)]),
    ([], [("c", "x")], [(None, 0)]),
]


@pytest.mark.parametrize(("a", "b", "expected"), PAIRINGS)
def test_the_same_question_is_the_same_turn(
    a: list[tuple[str, str]], b: list[tuple[str, str]], expected: list[tuple[int | None, int | None]]
) -> None:
    left, right = [turn(*each) for each in a], [turn(*each) for each in b]
    places = [
        tuple(None if row is None else next(place for place, each in enumerate(rows) if each is row)
              for row, rows in ((pair.a, left), (pair.b, right)))
        for pair in pair_turns(left, right)
    ]  # fmt: skip
    assert places == expected


def test_sides_that_are_true_or_not_say_of_what(story: Any) -> None:
    for number, stream in enumerate((True, False)):
        effect = story.message(number * 200, f"m{number}", "same question")
        effect.asked["stream"] = stream
        effect.start(number * 200 + 1)
        effect.complete(number * 200 + 150, "done", duration_ms=149.0)
    assert compare(story.log, by="stream").names == ("stream", "no stream")
    assert compare(story.log, by="stream", between=("False", "True")).names == ("no stream", "stream")
