"""Every frame: the same columns and dtypes whatever is in it, and exact rows for a log in which much happens."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.frame import AnyFrame
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.cancels import cancels_df
from jido_nb.analysis.frames.chunks import chunks_df
from jido_nb.analysis.frames.effects import effects_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.frames.messages import messages_df
from jido_nb.analysis.frames.telemetry import telemetry_df
from jido_nb.analysis.frames.turns import turns_df
from jido_nb.core.signal import Recorded
from jido_nb.testing.builders import signal

every_frame = pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)


def rows(frame: pd.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    """The cells of some columns, None for missing."""
    plain = frame[list(names)].astype(object)
    return [tuple(row) for row in plain.where(plain.notna(), None).itertuples(index=False, name=None)]


@every_frame
def test_an_empty_frame_has_the_columns_and_dtypes_of_a_full_one(make: AnyFrame, full_log: list[Recorded]) -> None:
    full, empty = make(full_log), make([])
    assert len(full) > 0
    assert list(full.columns) == list(empty.columns) == [column.name for column in make.columns]
    assert list(full.dtypes) == list(empty.dtypes) == [pd.ArrowDtype(column.arrow_type) for column in make.columns]


@every_frame
def test_every_column_is_documented_and_named_once(make: AnyFrame) -> None:
    assert all(column.doc for column in make.columns)
    assert len({column.name for column in make.columns}) == len(make.columns)


@every_frame
def test_a_frame_of_a_file_equals_the_frame_of_its_signals(
    make: AnyFrame, full_log: list[Recorded], full_path: Any
) -> None:
    pd.testing.assert_frame_equal(make(full_path), make(full_log))


@every_frame
def test_a_frame_of_one_conversation_is_that_part_of_the_whole(
    make: AnyFrame, full_log: list[Recorded], full_path: Any
) -> None:
    part = [recorded for recorded in full_log if recorded.signal.subject == "c2"]
    pd.testing.assert_frame_equal(make(full_path, subject="c2"), make(part))


@every_frame
def test_columns_can_be_chosen_by_name_in_any_order(make: AnyFrame, full_log: list[Recorded], full_path: Any) -> None:
    names = [make.columns[2].name, make.columns[0].name]
    for source in (full_log, full_path):
        pd.testing.assert_frame_equal(make(source, columns=names), make(source)[names])


@every_frame
def test_signals_with_payloads_of_the_wrong_kinds_still_give_a_frame(make: AnyFrame) -> None:
    odd: dict[str, Any] = {
        "attempt": "two", "status": 7, "backend": ["x"], "chunks": [[1], "no", {"a": 1}], "token_delta": "abc",
        "usage": "much", "cost": 3, "details": [], "result": "text", "duration_ms": "long", "wait_ms": None,
        "reason": {"code": "\ud800"}, "error_category": False, "content": "\ud83d", "timeout_ms": 10**30,
    }  # fmt: skip
    log = [signal("conv.in.message.received", id="m1", content="half a pair: \ud83d")]
    for place, lifecycle in enumerate(("started", "progress", "completed")):
        log.append(
            signal(
                f"conv.effect.llm.generation.{lifecycle}",
                id=f"e{place}",
                effect_id="llm-generation-m1",
                lifecycle=lifecycle,
                **odd,
            )
        )
    assert list(make(log).columns) == [column.name for column in make.columns]


def test_events_are_one_row_per_signal_in_order(eventful_log: list[Recorded]) -> None:
    frame = events_df(eventful_log)
    assert list(frame["seq"]) == list(range(1, len(eventful_log) + 1))
    first = frame.iloc[0]
    assert (first["type"], first["subject"], first["id"]) == ("conv.in.message.received", "c1", "m1")
    assert first["time"] == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert first["data"] == eventful_log[0].signal.body.decode()


def test_events_can_be_filtered_by_type(sqlite_path: Any, eventful_log: list[Recorded]) -> None:
    for source in (sqlite_path, eventful_log):
        assert set(events_df(source, types=["**.failed", "conv.in.control.*"])["type"]) == {
            "conv.effect.llm.generation.failed",
            "conv.out.assistant.failed",
            "conv.in.control.cancel_requested",
            "conv.in.control.abort_requested",
        }
        assert len(events_df(source, types="no.such.type")) == 0


def test_attempts_are_one_row_per_request_on_the_wire(eventful_log: list[Recorded]) -> None:
    frame = attempts_df(eventful_log)
    assert rows(frame, "conversation_id", "effect_id", "attempt", "outcome", "duration_ms", "first_chunk_ms") == [
        ("c1", "llm-generation-m1", 1, "retried", 60.0, 30.0),
        ("c1", "llm-generation-m1", 2, "completed", 110.0, 20.0),
        ("c1", "llm-generation-m2", 1, "canceled", 53.0, 30.0),
        ("c2", "llm-generation-m1", 1, "retried", 10.0, None),
        ("c2", "llm-generation-m2", 1, "failed", 10.0, None),
        ("c2", "llm-generation-m3", 1, "running", None, None),
    ]
    assert rows(frame, "chunks", "characters", "thinking_characters", "gap_p50_ms", "gap_max_ms") == [
        (1, 4, 0, None, None),
        (4, 16, 2, 20.0, 40.0),
        (1, 8, 0, None, None),
        (0, 0, 0, None, None),
        (0, 0, 0, None, None),
        (1, 3, 0, None, None),
    ]
    assert rows(frame, "error_category", "http_status", "retryable", "wait_ms", "retry_after_ms", "discarded") == [
        ("provider", 503, True, 150.0, 140.0, True),
        (None, None, None, None, None, False),
        (None, None, None, None, None, False),
        ("provider", 503, True, 100.0, None, False),
        ("auth", 401, False, None, None, False),
        (None, None, None, None, None, False),
    ]
    assert rows(frame, "backend", "model", "stream", "input_tokens", "output_tokens", "cost_usd") == [
        ("jido_ai", "story-1", True, 10, 1, 0.05),
        ("jido_ai", "story-1", True, 10, 4, 0.25),
        ("jido_ai", "story", True, 12, 2, None),
        ("jido_ai", "story", False, None, None, None),
        ("harness", "story", True, None, None, None),
        ("jido_ai", "story", True, None, None, None),
    ]
    assert rows(frame, "request_id", "provider_request_id")[:2] == [
        ("llm-generation-m1:1", None),
        ("llm-generation-m1:2", "req_1"),
    ]


def test_effects_sum_up_their_attempts(eventful_log: list[Recorded]) -> None:
    frame = effects_df(eventful_log)
    assert rows(frame, "conversation_id", "effect_id", "status", "attempts", "duration_ms", "wait_ms") == [
        ("c1", "llm-generation-m1", "completed", 2, 320.0, 150.0),
        ("c1", "llm-generation-m2", "canceled", 1, 53.0, 0.0),
        # Canceled 20 ms into a wait of 100.
        ("c2", "llm-generation-m1", "canceled", 1, 31.0, 21.0),
        ("c2", "llm-generation-m2", "failed", 1, 10.0, 0.0),
        ("c2", "llm-generation-m3", "running", 1, None, 0.0),
    ]
    assert rows(frame, "input_tokens", "output_tokens", "cost_usd", "finish_reason", "reason")[:4] == [
        (20, 5, pytest.approx(0.3), "end_turn", None),
        (12, 2, None, None, "enough"),
        (None, None, None, None, "stop it"),
        (None, None, None, None, "no key"),
    ]


def test_turns_show_the_answer_that_a_person_saw(eventful_log: list[Recorded]) -> None:
    frame = turns_df(eventful_log)
    assert rows(frame, "conversation_id", "turn", "prompt", "text", "thinking", "status", "attempts") == [
        ("c1", 1, "tell me a story", "Once upon a time", "hm", "completed", 2),
        ("c1", 2, "go on", "And then", "", "canceled", 1),
        ("c2", 1, "hello", "", "", "canceled", 1),
        ("c2", 2, "again", "", "", "failed", 1),
        ("c2", 3, "still there?", "Yes", "", "running", 1),
    ]
    assert rows(
        frame, "first_chunk_ms", "duration_ms", "wait_ms", "output_tokens", "error_category", "http_status"
    ) == [
        (230.0, 320.0, 150.0, 4, None, None),
        (30.0, 53.0, 0.0, 2, None, None),
        (None, 31.0, 21.0, None, None, None),
        (None, 10.0, 0.0, None, "auth", 401),
        (30.0, None, 0.0, None, None, None),
    ]


def test_a_message_without_an_effect_is_a_queued_turn() -> None:
    frame = turns_df([signal(id="m1", content="hi")])
    assert rows(frame, "prompt", "status", "attempts", "started") == [("hi", "queued", 0, None)]


def test_messages_hold_each_answer_once(eventful_log: list[Recorded]) -> None:
    assert rows(messages_df(eventful_log), "conversation_id", "role", "kind", "content", "reason") == [
        ("c1", "user", "message", "tell me a story", None),
        ("c1", "assistant", "message", "Once upon a time", None),
        ("c1", "user", "message", "go on", None),
        ("c1", "assistant", "canceled", "And then", "enough"),
        ("c2", "user", "message", "hello", None),
        ("c2", "assistant", "canceled", "", "stop it"),
        ("c2", "user", "message", "again", None),
        ("c2", "assistant", "failed", "", "no key"),
        ("c2", "user", "message", "still there?", None),
        ("c2", "assistant", "delta", "Yes", None),
    ]


def test_chunks_keep_what_joining_hid(eventful_log: list[Recorded]) -> None:
    frame = chunks_df(eventful_log, subject="c1")
    assert rows(frame, "effect_id", "attempt", "chunk", "kind", "at_ms", "gap_ms", "chars") == [
        ("llm-generation-m1", 1, 0, "text", 30.0, None, 4),
        ("llm-generation-m1", 2, 0, "thinking", 20.0, None, 2),
        ("llm-generation-m1", 2, 1, "text", 30.0, 10.0, 4),
        ("llm-generation-m1", 2, 2, "text", 50.0, 20.0, 5),
        ("llm-generation-m1", 2, 3, "text", 90.0, 40.0, 7),
        ("llm-generation-m2", 1, 0, "text", 30.0, None, 8),
    ]


def test_cancels_say_who_asked_and_what_it_took(eventful_log: list[Recorded]) -> None:
    frame = cancels_df(eventful_log)
    assert rows(frame, "effect_id", "reason", "requested_by", "request_type", "backend_cancel", "kept_characters") == [
        ("llm-generation-m2", "enough", "ada", "conv.in.control.cancel_requested", "ok", 8),
        ("llm-generation-m1", "stop it", None, "conv.in.control.abort_requested", "not_available", 0),
    ]
    assert rows(frame, "cancel_latency_ms", "duration_ms") == [(2.5, 53.0), (2.5, None)]
    assert list(frame["canceled"] - frame["requested"]) == [pd.Timedelta(milliseconds=3), pd.Timedelta(milliseconds=1)]


def test_telemetry_is_tidy_and_has_no_totals_that_count_twice(eventful_log: list[Recorded]) -> None:
    numbers = {
        (metric, labels): value
        for metric, labels, value, _ in rows(telemetry_df(eventful_log), "metric", "labels", "value", "unit")
    }
    assert numbers["retry_count", ""] == 2
    assert numbers["lifecycle_count", "backend=harness,lifecycle=failed"] == 1
    assert numbers["stream_chunks", "kind=delta"] == 6
    assert numbers["tokens", "kind=output_tokens"] == 7
    assert numbers["cost", "currency=USD"] == pytest.approx(0.3)
