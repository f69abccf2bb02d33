"""What `cancels_df` tells of how a cancel went, whatever a log holds of it."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from jido_nb.analysis.frames.cancels import CANCEL_COLUMNS, cancels_df

ENDINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an agent that was ended": (
        {
            "backend_cancel_details": {"rung": "SIGTERM", "swept": 2, "exit_code": -15},
            "closed_latency_ms": 120.5,
            "session_id": "s-1",
        },
        {"rung": "SIGTERM", "swept": 2, "exit_code": -15, "closed_latency_ms": 120.5, "session_id": "s-1"},
    ),
    "a connection that was closed": (
        {"closed_latency_ms": 3.0},
        {"rung": None, "swept": None, "exit_code": None, "closed_latency_ms": 3.0, "session_id": None},
    ),
    "a log of something else": (
        {"backend_cancel_details": "gone", "closed_latency_ms": "soon", "session_id": 7},
        {"rung": None, "swept": None, "closed_latency_ms": None, "session_id": "7"},
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_row_says_what_it_took(case: str, story: Any) -> None:
    said, expected = ENDINGS[case]
    asked = story.message(0, "m1", "go")
    asked.start(1)
    asked.cancel(5, cause_id=None, duration_ms=4.0, **said)
    (row,) = cancels_df(story.log).to_dict("records")
    assert {name: None if pd.isna(row[name]) else row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("in_request", "in_ending", "shown"),
    [
        ({"requested_by": "widget"}, {"requested_by": "widget"}, "widget"),
        ({"requested_by": "widget"}, {}, "widget"),
        ({}, {"requested_by": "runtime"}, "runtime"),
        ({}, {}, None),
    ],
)
def test_who_asked_is_told_by_the_ending_or_by_the_request(
    in_request: dict[str, Any], in_ending: dict[str, Any], shown: str | None, new_story: Callable[..., Any]
) -> None:
    story = new_story("c")
    asked = story.message(0, "m1", "go")
    asked.start(1)
    control = story.control(2, "cancel_requested", "x1", reason="enough", effect_id=asked.id, **in_request)
    asked.cancel(5, cause_id=control.id, duration_ms=4.0, **in_ending)
    (found,) = cancels_df(story.log, columns=["requested_by"])["requested_by"]
    assert (None if pd.isna(found) else found) == shown


def test_an_empty_log_has_the_same_columns() -> None:
    assert list(cancels_df([]).columns) == [column.name for column in CANCEL_COLUMNS]
