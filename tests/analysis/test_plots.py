"""Plots: what they draw, in words and numbers; how they look was looked at (docs)."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jido_nb.analysis import plots
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.chunks import chunks_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.plotting.canvas import duration
from jido_nb.analysis.plotting.phases import turn_phases
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError

from .gallery import gallery

PLOTS: list[tuple[Callable[..., Axes], Callable[..., Any]]] = [
    (plots.waterfall, attempts_df),
    (plots.lifecycle, events_df),
    (plots.token_rate, chunks_df),
    (plots.latency, attempts_df),
    (plots.gaps, chunks_df),
    (plots.timeline, attempts_df),
    (plots.cost, attempts_df),
    (plots.retry_heatmap, attempts_df),
    (plots.retry_heatmap, retry_matrix),
]

every_plot = pytest.mark.parametrize(("draw", "make"), PLOTS, ids=lambda value: value.__name__)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


@every_plot
def test_a_plot_takes_a_source_a_file_a_frame_or_nothing_at_all(
    draw: Callable[..., Axes], make: Callable[..., Any], eventful_log: list[Recorded], sqlite_path: Any
) -> None:
    for source in (eventful_log, sqlite_path, make(eventful_log), make([]), []):
        ax = draw(source)
        assert isinstance(ax, Axes)
        shown = ax._repr_mimebundle_()  # type: ignore[attr-defined]
        assert shown["image/png"].startswith(b"\x89PNG")
        assert shown["text/plain"].startswith("<")


@every_plot
def test_a_plot_draws_on_the_given_axes_and_touches_no_global_state(
    draw: Callable[..., Axes], make: Callable[..., Any], eventful_log: list[Recorded]
) -> None:
    ax = Figure().add_subplot()
    assert draw(eventful_log, ax=ax) is ax
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize("draw", [plots.waterfall, plots.lifecycle, plots.token_rate, plots.latency])
def test_axes_name_their_unit(draw: Callable[..., Axes], eventful_log: list[Recorded]) -> None:
    assert "(ms)" in draw(eventful_log).get_xlabel()


@every_plot
def test_names_from_a_log_are_drawn_as_they_are(
    draw: Callable[..., Axes], make: Callable[..., Any], new_story: Any
) -> None:
    story = new_story(r"cost: $\frac{1}{0$ _^")
    effect = story.message(0)
    effect.asked["backend"] = r"$\bad{$"
    effect.start(1)
    effect.text(90, "abcdef", (30.0, 3), (80.0, 3))
    effect.complete(100, "abcdef", duration_ms=99.0)
    draw(story.log).get_figure(root=True).canvas.draw()  # type: ignore[union-attr]


def test_the_waterfall_tells_each_effect_in_words(eventful_log: list[Recorded]) -> None:
    ax = plots.waterfall(eventful_log)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["c1 #1", "c1 #2", "c2 #1", "c2 #2", "c2 #3"]
    assert texts(ax) == [
        "503, wait 150 ms, completed in 320 ms",
        "canceled in 53 ms",
        "503, wait 100 ms, no other attempt",
        "401 in 10 ms",
        "running",
    ]


def test_the_waterfall_narrows_to_a_conversation_an_effect_or_the_last_ones(eventful_log: list[Recorded]) -> None:
    def labels(**how: Any) -> list[str]:
        return [label.get_text() for label in plots.waterfall(eventful_log, **how).get_yticklabels()]

    assert labels(subject="c2") == ["#1", "#2", "#3"]
    assert labels(subject="c1", effect_id="llm-generation-m2") == ["#2"]
    assert labels(limit=2) == ["c2 #2", "c2 #3"]


def test_a_turn_falls_into_phases_without_gaps(eventful_log: list[Recorded]) -> None:
    turn = turn_phases([r for r in eventful_log if r.signal.subject == "c1"], "llm-generation-m1")
    assert turn is not None
    assert [(phase.name, phase.kind, phase.begin_ms, phase.end_ms) for phase in turn.phases] == [
        ("queued", "queued", 0.0, 1.0),
        ("attempt 1: first chunk", "first chunk", 1.0, 31.0),
        ("attempt 1: text", "discarded", 31.0, 61.0),
        ("wait 1", "wait", 61.0, 211.0),
        ("attempt 2: first chunk", "first chunk", 211.0, 231.0),
        ("attempt 2: thinking", "thinking", 231.0, 231.0),
        ("attempt 2: text", "text", 241.0, 321.0),
    ]
    assert (turn.status, turn.end_ms, turn.cancels) == ("completed", 321.0, [])


def test_the_lifecycle_shows_who_canceled(eventful_log: list[Recorded]) -> None:
    ax = plots.lifecycle(eventful_log, subject="c1", effect_id="llm-generation-m2")
    assert "cancel asked by ada " in texts(ax)
    assert "canceled after 54 ms" in ax.get_title(loc="left")


def test_a_cancel_in_a_wait_ends_the_wait(eventful_log: list[Recorded]) -> None:
    turn = turn_phases([r for r in eventful_log if r.signal.subject == "c2"], "llm-generation-m1")
    assert turn is not None
    assert [(phase.kind, phase.end_ms - phase.begin_ms) for phase in turn.phases] == [
        ("queued", 1.0),
        ("retried", 10.0),
        ("wait", 21.0),
    ]
    assert turn.cancels == [(31.0, "cancel asked")]


def test_speed_is_in_tokens_where_all_attempts_report_them(eventful_log: list[Recorded]) -> None:
    assert "tokens" in " ".join(texts(plots.token_rate(eventful_log, subject="c1")))
    assert "characters" in " ".join(texts(plots.token_rate(eventful_log)))


def test_a_frame_of_another_kind_is_refused(eventful_log: list[Recorded]) -> None:
    frame = chunks_df(eventful_log)
    for draw in (plots.waterfall, plots.lifecycle):
        with pytest.raises(ConfigError, match="no column"):
            draw(frame)
    with pytest.raises(ConfigError, match="value is"):
        plots.latency(eventful_log, "gap_ms")  # type: ignore[arg-type]


def test_a_long_pause_is_folded_and_a_short_one_is_not() -> None:
    log = gallery()
    ax = plots.timeline(log)
    assert "2 h pause" in texts(ax)
    assert ax.get_xlim()[1] < 5
    assert "pauses folded" in ax.get_xlabel()
    busy = plots.timeline(log, subject="weather")
    assert texts(busy) == []
    assert [label.get_text() for label in plots.timeline(log, limit=1).get_yticklabels()] == ["agent"]


def test_gaps_are_told_by_any_column_of_chunks_or_attempts() -> None:
    def legend(**how: Any) -> list[str]:
        found = plots.gaps(gallery(), **how).get_legend()
        assert found is not None
        return [text.get_text() for text in found.get_texts()]

    assert legend() == [
        "harness: 56 gaps, median at once, longest 115 ms",
        "jido_ai: 71 gaps, median 18 ms, longest 45 ms",
    ]
    assert [line.partition(":")[0] for line in legend(by="model")] == ["capable-2", "story", "story-1"]
    assert [line.partition(":")[0] for line in legend(by="kind")] == ["text", "thinking"]
    with pytest.raises(ConfigError, match="no column named 'bakend'"):
        plots.gaps(gallery(), by="bakend")


def test_the_cost_says_what_was_wasted_and_what_nobody_told() -> None:
    assert texts(plots.cost(gallery())) == [
        "0.0036 USD in 2 attempts, 1 of them not told",
        "0.00264 USD in 6 attempts, 3 of them not told, 23% wasted",
        "not told by 1 attempt",
    ]
    assert texts(plots.cost(gallery(), "tokens", by="backend"))[1] == "138 tokens in 2 attempts"
    for wrong in ({"value": "euros"}, {"by": "modle"}):
        with pytest.raises(ConfigError):
            plots.cost(gallery(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (85, "85 ms"), (1250, "1.25 s"), (59_999, "60 s"), (119_900, "2 min"), (125_000, "2 min 5 s"),
        (7_199_900, "2 h"), (12_000_000, "3 h 20 min"), (345_600_000, "4 days"),
    ],
)  # fmt: skip
def test_durations_read_well(ms: float, told: str) -> None:
    assert duration(ms) == told
