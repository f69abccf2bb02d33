"""Streams and urgency of event types."""

import pytest

from jido_nb.core.catalogue import CATALOGUE, STREAM_KEYS, EventType, lifecycle_of, priority_of, stream_of


@pytest.mark.parametrize(
    ("type", "priority"),
    [
        ("conv.in.control.abort_requested", 0),
        ("conv.in.control.stop_requested", 0),
        ("conv.in.control.cancel_requested", 0),
        ("conv.in.control.something_else", 2),
        ("conv.in.control.abort_requested.x", 2),
        ("conv.in.message.received", 1),
        ("conv.in.message.edited", 1),
        ("conv.in.timer.tick", 2),
        ("conv.effect.llm.generation.started", 2),
        ("conv.effect.llm.generation.progress", 2),
        ("conv.effect.llm.generation.completed", 1),
        ("conv.effect.llm.generation.failed", 1),
        ("conv.effect.llm.generation.canceled", 2),
        ("conv.effect.mine.own.completed", 1),
        ("conv.effect.mine.own.error", 1),
        ("conv.audit.note.completed", 1),
        ("conv.audit.note.error", 1),
        ("conv.audit.note", 2),
        ("conv.in.weather.failed", 1),
        ("conv.out.assistant.delta", 3),
        ("conv.out.assistant.completed", 3),
        ("conv.out.assistant.failed", 3),
        ("conv.out.anything.completed", 3),
    ],
)
def test_urgency_follows_the_type(type: str, priority: int) -> None:
    assert priority_of(type) == priority


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=CATALOGUE)
def test_every_row_is_in_a_known_stream_and_says_what_it_is(row: EventType) -> None:
    assert stream_of(row.type) in STREAM_KEYS
    assert priority_of(row.type) == row.priority
    assert row.doc


@pytest.mark.parametrize(
    ("type", "stream"),
    [
        ("conv.in.", "in"),
        ("conv.in", None),
        ("conv.audit.x", "audit"),
        ("conv.else.x", None),
        ("", None),
        ("in.x.y", None),
    ],
)
def test_the_stream_is_the_second_part(type: str, stream: str | None) -> None:
    assert stream_of(type) == stream


def test_a_lifecycle_is_the_last_part() -> None:
    assert lifecycle_of("conv.effect.llm.generation.progress") == ("conv.effect.llm.generation", "progress")
