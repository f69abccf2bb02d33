"""Filters: a frame of a part of a log holds the rows, whole, that begin in that part, whoever filters."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.frame import AnyFrame
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.frames.telemetry import telemetry_df
from jido_nb.analysis.moments import moment_us
from jido_nb.core.projections.metrics import Metrics
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError
from jido_nb.journal.codec import backend_of
from jido_nb.journal.memory import MemoryJournal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)

each_frame = pytest.mark.parametrize(
    "make", [FRAMES[name] for name in FRAMES if name != "telemetry"], ids=lambda make: make.__name__
)


def rows_at(frame: pd.DataFrame, seqs: set[int]) -> pd.DataFrame:
    return frame[frame["seq"].isin(seqs)].reset_index(drop=True)


def part(frame: pd.DataFrame, log: list[Recorded], since_us: int, until_us: int = 2**63 - 1) -> pd.DataFrame:
    """The rows of `frame` whose first signal lies in this span."""
    return rows_at(frame, {seq for seq, signal in log if since_us <= signal.time_us < until_us})


def memory(log: list[Recorded]) -> MemoryJournal:
    journal = MemoryJournal()
    journal.append([recorded.signal for recorded in log])
    return journal


@each_frame
def test_a_span_of_time_holds_the_rows_that_begin_in_it_and_holds_them_whole(
    make: AnyFrame, full_log: list[Recorded], full_path: Path
) -> None:
    moments = sorted({recorded.signal.time_us for recorded in full_log})
    whole = make(full_log)
    for since_us, until_us in zip(moments[::6], moments[9::6], strict=False):
        since, until = EPOCH + timedelta(microseconds=since_us), EPOCH + timedelta(microseconds=until_us)
        later, within = part(whole, full_log, since_us), part(whole, full_log, since_us, until_us)
        for source in (full_log, full_path, memory(full_log)):
            pd.testing.assert_frame_equal(make(source, since=since), later)
            pd.testing.assert_frame_equal(make(source, since=since, until=until), within)


@each_frame
@pytest.mark.parametrize("types", ["conv.effect.tool.**", "conv.in.**", ["**.canceled", "**.started"], "**"])
def test_types_are_those_of_the_signal_that_a_row_begins_with(
    make: AnyFrame, types: Any, full_log: list[Recorded], full_path: Path
) -> None:
    kept = set(events_df(full_log, types)["seq"])
    expected = rows_at(make(full_log), kept)
    for source in (full_log, full_path):
        pd.testing.assert_frame_equal(make(source, types), expected)


@each_frame
@pytest.mark.parametrize("backend", ["jido_ai", "harness", "nobody"])
def test_a_backend_is_that_of_the_row(make: AnyFrame, backend: str, full_log: list[Recorded], full_path: Path) -> None:
    whole = make(full_log)
    if "backend" in whole.columns:
        expected = whole[(whole["backend"] == backend).fillna(False)].reset_index(drop=True)
    else:
        expected = rows_at(whole, {seq for seq, signal in full_log if backend_of(signal) == backend})
    for source in (full_log, full_path):
        pd.testing.assert_frame_equal(make(source, backend=backend), expected)


def test_filters_narrow_each_other(full_path: Path) -> None:
    found = events_df(full_path, "conv.effect.**", "c2", backend="jido_ai", since=START + timedelta(milliseconds=531))
    assert list(found["lifecycle"]) == ["canceled", "started", "progress"]
    assert set(found["subject"]) == {"c2"}


def test_telemetry_of_a_part_counts_that_part(full_log: list[Recorded], full_path: Path) -> None:
    for source in (full_log, full_path):
        found = telemetry_df(source, backend="harness", until=START + timedelta(milliseconds=700))
        counts = dict(zip(found["labels"], found["value"], strict=True))
        assert counts["backend=harness,lifecycle=failed"] == 1
        assert counts["backend=harness,lifecycle=completed"] == 0


def test_a_clock_that_was_set_back_costs_no_row_a_part_of_itself(story: Any) -> None:
    early, late = story.message(0, "m1"), story.message(100, "m2")
    early.start(1)
    late.start(101)
    late.text(51, "after the clock was set back", (20.0, 28))
    late.complete(61, "after the clock was set back", duration_ms=30.0)
    early.complete(102, "done", duration_ms=101.0)
    found = attempts_df(story.log, since=START + timedelta(milliseconds=90))
    assert found[["effect_id", "outcome", "chunks"]].values.tolist() == [["llm-generation-m2", "completed", 1]]


HALF_PAST_NINE = 1_785_231_000_000_000


@pytest.mark.parametrize(
    ("moment", "us"),
    [
        (datetime(2026, 7, 28, 9, 30, tzinfo=UTC), HALF_PAST_NINE),
        (datetime(2026, 7, 28, 11, 30, tzinfo=timezone(timedelta(hours=2))), HALF_PAST_NINE),
        (pd.Timestamp("2026-07-28 11:30", tz="Europe/Berlin"), HALF_PAST_NINE),
        ("2026-07-28T09:30:00Z", HALF_PAST_NINE),
        ("2026-07-28 11:30+02:00", HALF_PAST_NINE),
        (" 2026-07-28 09:30 ", HALF_PAST_NINE),
        ("2026-07-28", HALF_PAST_NINE - 34_200_000_000),
        (date(2026, 7, 28), HALF_PAST_NINE - 34_200_000_000),
        (None, None),
    ],
)
def test_a_moment_can_be_written_in_many_ways(moment: Any, us: int | None) -> None:
    assert moment_us(moment, "since") == us


@pytest.mark.parametrize(
    "moment",
    ["yesterday", "", "2026-13-01", 1_785_231_000, True, pd.NaT, np.datetime64("2026-07-28"), timedelta(hours=1)],
)
def test_what_is_no_moment_is_refused_by_name(moment: Any, full_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match=r"until=.* is no moment: give an aware datetime") as refused:
        attempts_df(full_log, until=moment)
    assert refused.value.field == "until"


@pytest.mark.parametrize("moment", [datetime(2026, 7, 28, 9, 30), pd.Timestamp("2026-07-28")])
def test_a_time_without_a_zone_is_refused_because_it_could_be_any(moment: Any) -> None:
    with pytest.raises(ConfigError, match="has no time zone; say which"):
        events_df([], since=moment)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ConfigError, match="before since="):
        events_df([], since="2026-07-28", until="2026-07-27")


def test_types_that_are_no_patterns_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"types is a pattern such as .*, not 3"):
        events_df([], types=3)  # type: ignore[call-overload]


def test_a_backend_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="backend is a name"):
        events_df([], backend=["jido_ai"])  # type: ignore[call-overload]


def test_a_snapshot_is_counted_already(full_log: list[Recorded]) -> None:
    metrics = Metrics()
    for recorded in full_log:
        metrics.apply(recorded.signal)
    pd.testing.assert_frame_equal(telemetry_df(metrics.snapshot()), telemetry_df(full_log))
    with pytest.raises(ConfigError, match="cannot be filtered"):
        telemetry_df(metrics.snapshot(), since="2026-07-28")
