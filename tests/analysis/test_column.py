"""Columns as values: composing them, and what happens when one fails."""

import inspect
import pickle
import subprocess
import sys
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.column import BATCH_ROWS, Column, ColumnError, build_table
from jido_nb.analysis.frames.attempts import ATTEMPT_COLUMNS, attempts_df
from jido_nb.analysis.frames.events import EVENT_COLUMNS, events_df
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError
from jido_nb.testing.builders import recorded, signal


def test_a_column_of_ones_own_is_one_line(eventful_log: list[Recorded], sqlite_path: Any) -> None:
    words = Column("words", "int64", lambda r: len(str(r.signal.data.get("content", "")).split()), "words said")
    for source in (eventful_log, sqlite_path):
        frame = events_df(source, types="conv.in.message.*", columns=[*EVENT_COLUMNS, words])
        assert list(frame["words"]) == [4, 2, 1, 1, 2]
        assert frame["words"].dtype == pd.ArrowDtype(pa.int64())


def test_frames_of_effects_take_columns_too(eventful_log: list[Recorded]) -> None:
    slow = Column("slow", "bool", lambda a: (a.duration_ms or 0) > 100, "took more than 100 ms")
    frame = attempts_df(eventful_log, columns=["attempt", slow, ATTEMPT_COLUMNS[0]])
    assert list(frame.columns) == ["attempt", "slow", "seq"]
    assert list(frame["slow"]) == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("get", "cause"),
    [
        (lambda r: r.signal.data["nothing"], KeyError),
        (lambda r: "text" if r.seq == 3 else 1, pa.ArrowInvalid),
    ],
)
def test_a_column_that_fails_names_itself_and_the_row(get: Any, cause: type[Exception]) -> None:
    log = recorded([signal(id=str(number), **({"nothing": 1} if number != 2 else {})) for number in range(9)])
    with pytest.raises(ColumnError) as caught:
        events_df(log, columns=["seq", Column("bad", "int64", get)])
    assert (caught.value.column, caught.value.seq) == ("bad", 3)
    assert isinstance(caught.value.cause, cause)
    assert "'bad'" in str(caught.value)
    assert "seq 3" in str(caught.value)


def test_columns_that_fail_can_be_told_of_instead(eventful_log: list[Recorded], sqlite_path: Any) -> None:
    bad = Column("bad", "int64", lambda r: r.signal.data["attempt"] if r.seq % 2 else "text", "fails often")
    whole = events_df(eventful_log, "**.progress")
    for source in (eventful_log, sqlite_path):
        frame, errors = events_df(source, "**.progress", columns=["seq", bad, "type"], strict=False)
        assert list(frame["seq"]) == list(whole["seq"])
        assert frame["bad"].isna().tolist() == [seq % 2 == 0 for seq in frame["seq"]]
        assert list(errors["seq"]) == [seq for seq in frame["seq"] if seq % 2 == 0]
        assert set(errors["column"]) == {"bad"}
        assert set(errors["error"]) == {"ArrowInvalid"}
        assert all("text" in message for message in errors["message"])


def test_a_frame_without_failures_has_an_empty_frame_of_errors(eventful_log: list[Recorded]) -> None:
    told = attempts_df(eventful_log, strict=False)
    pd.testing.assert_frame_equal(told.frame, attempts_df(eventful_log))
    assert told.errors.empty
    assert list(told.errors.columns) == ["column", "seq", "error", "message"]


def test_half_a_surrogate_pair_beside_a_failing_cell_is_still_a_column_error() -> None:
    log = recorded([signal(id="1", content="half \ud83d"), signal(id="2")])
    text = Column("text", "string", lambda r: r.signal.data["content"])
    with pytest.raises(ColumnError) as caught:
        events_df(log, columns=[text])
    assert (caught.value.seq, type(caught.value.cause)) == (2, KeyError)
    frame, errors = events_df(log, columns=[text], strict=False)
    assert frame["text"].isna().tolist() == [False, True]
    assert list(errors["seq"]) == [2]


def test_frames_travel_to_other_processes_by_name() -> None:
    for frame in FRAMES.values():
        assert pickle.loads(pickle.dumps(frame)) is frame


def test_a_frame_tells_what_it_is_and_how_it_is_asked() -> None:
    assert attempts_df.__doc__ is not None
    assert attempts_df.__doc__.startswith("One row per attempt")
    assert "columns=[*attempts_df.columns, mine]" in attempts_df.__doc__
    assert repr(attempts_df).startswith("<frame attempts_df: seq, ")
    assert list(inspect.signature(attempts_df).parameters) == [
        *("source", "types", "subject", "columns", "since", "until", "backend", "strict")
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["sequence"], "Did you mean"),
        (["seq", "seq"], "two columns are named 'seq'"),
        ([Column("x", "no-such-type", lambda r: 1)], "not an Arrow type"),
        ([Column("x", int, lambda r: 1)], "not an Arrow type"),  # type: ignore[arg-type]
        ([3], "columns are names of standard ones, or Column.*not 3"),
        (3, "columns are names of standard ones, or Column.*not 3"),
        ([Column(3, "int64", lambda r: 1)], "not Column"),  # type: ignore[arg-type]
    ],
)
def test_wrong_columns_are_refused(columns: Any, message: str, eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match=message):
        events_df(eventful_log, columns=columns)


def test_rows_that_come_in_any_order_are_sorted_over_batches() -> None:
    log = recorded([signal(id=str(number)) for number in range(BATCH_ROWS + 10)])
    table = build_table([EVENT_COLUMNS[0]], reversed(log), order=True)
    assert table["seq"].to_pylist() == list(range(1, BATCH_ROWS + 11))


def test_analysis_needs_no_event_loop_backend_or_browser() -> None:
    code = (
        "import jido_nb.analysis.plots, jido_nb.analysis.replay, jido_nb.analysis.frames.turns, sys;"
        "print([m for m in ('anyio', 'httpx', 'anthropic', 'IPython', 'matplotlib.pyplot') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
