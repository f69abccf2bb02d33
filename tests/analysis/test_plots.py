"""Plots: what they draw, in words and numbers; how they look was looked at (docs)."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jido_nb.analysis import plots
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.chunks import chunks_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.plotting.attempt_rows import attempt_rows
from jido_nb.analysis.plotting.canvas import duration
from jido_nb.analysis.plotting.phases import turn_phases
from jido_nb.analysis.plotting.short_names import short_names
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError

from .conftest import Story, usage
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
        "503, wait 100 ms, cut short after 21 ms",
        "401 in 10 ms",
        "running, 30 ms so far",
    ]


def test_the_waterfall_narrows_to_a_conversation_an_effect_or_the_last_ones(eventful_log: list[Recorded]) -> None:
    def labels(**how: Any) -> list[str]:
        return [label.get_text() for label in plots.waterfall(eventful_log, **how).get_yticklabels()]

    assert labels(subject="c2") == ["#1", "#2", "#3"]
    assert labels(subject="c1", effect_id="llm-generation-m2") == ["#2"]
    assert labels(limit=2) == ["c2 #2", "c2 #3"]


def test_what_runs_is_drawn_as_far_as_it_was_heard_of(new_story: Any) -> None:
    """It fills its time, so that no pause is told where somebody was at work."""
    early = new_story("early")
    effect = early.message(0)
    effect.start(1)
    effect.text(9000, "abcdef", (10.0, 3), (8999.0, 3))
    late = Story("late", early)
    other = late.message(8000)
    other.start(8001)
    other.complete(8200, "done", duration_ms=199.0)
    ax = plots.timeline(late.log)
    assert texts(ax) == []
    assert "pauses folded" not in ax.get_xlabel()
    assert max(bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)) == pytest.approx(8.999)
    assert texts(plots.waterfall(late.log))[0] == "running, 9 s so far"


def test_a_wait_that_a_cancel_cut_short_is_drawn_as_long_as_it_lasted(new_story: Any) -> None:
    story = new_story("c1")
    effect = story.message(0)
    effect.start(1)
    effect.retry(11, duration_ms=10.0, wait_ms=60_000)
    effect.put(31, "canceled", reason="enough")
    for draw in (plots.timeline, plots.waterfall):
        assert draw(story.log).get_xlim()[1] < 100


NAMES = [
    *((["a", "b"], ["a", "b"]), (["lab/x", "lab/y"], ["x", "y"]), (["lab/x", "den/x"], ["lab/x", "den/x"])),
    (
        ["experiment 1 " + "long " * 9, "experiment 2 " + "long " * 9],
        ["…1 long long…g long long", "…2 long long…g long long"],
    ),
    (
        ["same " * 9 + "x" + " end" * 9, "same " * 9 + "y" + " end" * 9],
        ["…x end end e…end end end", "…y end end e…end end end"],
    ),
    (
        ["a" * 30 + "b" + "a" * 30, "a" * 30 + "c" + "a" * 30],
        ["aaaaaaaaaaaa…aaaaaaaaaaa (1)", "aaaaaaaaaaaa…aaaaaaaaaaa (2)"],
    ),
    (["two\nlines"], ["two lines"]),
]


@pytest.mark.parametrize(("names", "labels"), NAMES)
def test_long_names_are_cut_where_they_do_not_differ(names: list[str], labels: list[str]) -> None:
    assert list(short_names(names, 24).values()) == labels


def test_words_behind_bars_and_the_legend_have_room(new_story: Any) -> None:
    story = new_story("x" * 80)
    for number in range(3):
        effect = story.message(number * 200, f"m{number}")
        effect.start(number * 200)
        effect.retry(number * 200 + 20, duration_ms=19.0, wait_ms=0)
        effect.again(number * 200 + 21)
        effect.complete(number * 200 + 150, "done", duration_ms=100.0, usage=usage(4000, 100))
    for ax in (plots.waterfall(story.log), plots.cost(story.log, by="conversation_id"), plots.lifecycle(story.log)):
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        assert max(text.get_window_extent().x1 for text in ax.texts) <= figure.bbox.x1
        legend = ax.get_legend()
        if legend is not None:
            assert not legend.get_window_extent().overlaps(ax._left_title.get_window_extent())  # type: ignore[attr-defined]


def test_a_title_that_meets_the_legend_goes_above_it(new_story: Any) -> None:
    log = new_story("start")
    for number in range(30):
        log = Story(f"the conversation that has number {number:03d}, and a long name", log)
        effect = log.message(number)
        effect.start(number)
        effect.complete(number + 150, "done", duration_ms=100.0, usage=usage(4000, 100))
    ax = plots.cost(log.log, "tokens", by="conversation_id", ax=Figure(figsize=(5, 4)).add_subplot())
    assert ax.get_title(loc="left") == "Tokens by conversation id, the 24 highest of 30"
    figure, legend = ax.get_figure(root=True), ax.get_legend()
    assert figure is not None
    assert legend is not None
    figure.draw_without_rendering()
    assert legend.get_window_extent().y1 <= ax._left_title.get_window_extent().y0  # type: ignore[attr-defined]


@pytest.mark.parametrize("draw", [plots.latency, plots.gaps])
def test_many_lines_are_told_apart_and_the_rest_is_counted(draw: Callable[..., Axes], new_story: Any) -> None:
    log = new_story("start")
    for number in range(20):
        log = Story(f"c{number}", log)
        effect = log.message(number)
        effect.start(number)
        effect.text(number + 90, "abcdef", (30.0, 3), (80.0 + number, 3))
        effect.complete(number + 150, "abcdef", duration_ms=100.0)
    ax = draw(log.log, by="conversation_id")
    lines = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    looks = {(str(line.get_color()), str(line._dash_pattern)) for line in lines}  # type: ignore[attr-defined]
    assert len(looks) == len(lines) == 14
    assert ax.get_title(loc="left").endswith(", 14 of 20")


def test_letters_that_the_font_lacks_bury_no_picture(new_story: Any) -> None:
    story = new_story("日本語")
    effect = story.message(0)
    effect.start(1)
    effect.complete(100, "abcdef", duration_ms=99.0)
    other = Story("other", story).message(0)
    other.start(1)
    for draw in (plots.waterfall, plots.timeline):
        shown = draw(story.log)._repr_mimebundle_()  # type: ignore[attr-defined]
        assert shown["image/png"].startswith(b"\x89PNG")


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
    for draw in (plots.waterfall, plots.timeline, plots.lifecycle, plots.latency, plots.cost, plots.retry_heatmap):
        with pytest.raises(ConfigError, match="no column"):
            draw(frame)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="value is"):
        plots.latency(eventful_log, "gap_ms")  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1, "3", 1.5, True, None])
@pytest.mark.parametrize("draw", [plots.waterfall, plots.timeline, plots.token_rate])
def test_a_limit_that_is_none_is_refused(draw: Callable[..., Axes], limit: Any, eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match="limit is a number from 1"):
        draw(eventful_log, limit=limit)


@every_plot
def test_every_plot_narrows_to_a_conversation(
    draw: Callable[..., Axes], make: Callable[..., Any], eventful_log: list[Recorded]
) -> None:
    for source in (eventful_log, make(eventful_log)):
        assert isinstance(draw(source, subject="c2"), Axes)
    one = plots.retry_heatmap(eventful_log, "conversation_id", subject="c2")
    assert [label.get_text() for label in one.get_yticklabels()] == ["c2"]


def test_attempts_that_were_text_in_between_are_drawn_too(eventful_log: list[Recorded], tmp_path: Path) -> None:
    attempts_df(eventful_log).to_csv(tmp_path / "attempts.csv", index=False)
    read = pd.read_csv(tmp_path / "attempts.csv")
    assert texts(plots.waterfall(read))[:4] == texts(plots.waterfall(eventful_log))[:4]
    assert plots.timeline(read).get_xlabel() == plots.timeline(eventful_log).get_xlabel()


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


def test_a_clock_that_was_set_back_is_drawn_all_the_same(eventful_log: list[Recorded]) -> None:
    log = [
        Recorded(seq, msgspec.structs.replace(signal, time_us=signal.time_us - place * 3_600_000_000))
        for place, (seq, signal) in enumerate(eventful_log)
    ]
    assert min(attempts_df(log).waited_ms.dropna()) < 0
    times = [row[name] or 0 for row in attempt_rows(log, None) for name in ("length_ms", "first_chunk_ms", "waited_ms")]
    assert min(times) == 0
    for draw, _ in PLOTS:
        draw(log).get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
