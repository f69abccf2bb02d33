"""The conversation as a reader sees it."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.projections.timeline import MAX_DELTA_CHARS, TimelineEntry, timeline
from jido_nb.core.signal import Recorded, Signal
from jido_nb.testing.builders import Storyteller, recorded, signal
from jido_nb.testing.live_log import LiveLog
from jido_nb.testing.strategies import arrivals, pieces

DELTA, PROGRESS = "conv.out.assistant.delta", "conv.effect.llm.generation.progress"


def delta(text: str, id: str | None = None, **data: Any) -> Signal:
    return signal(DELTA, id=id, **{"delta": text, "attempt": 1, **data})


def retrying(attempt: int = 1, discarded: bool = True, effect_id: str = "llm-generation-m1") -> Signal:
    return signal(PROGRESS, effect_id=effect_id, status="retrying", attempt=attempt, discarded=discarded)


def shown(*signals: Signal, **options: Any) -> list[tuple[str, str]]:
    return [(entry.kind, entry.content) for entry in timeline(recorded(signals), **options)]


def test_a_turn_reads_as_it_was_said() -> None:
    log = recorded(Storyteller().turn(content="Tell!", chunks=["Once ", "upon"]))
    entries = timeline(log)
    assert [(entry.role, entry.kind, entry.content) for entry in entries] == [
        ("user", "message", "Tell!"),
        ("assistant", "delta", "Once upon"),
        ("assistant", "message", "Once upon"),
    ]
    assert entries[1].event_ids == (entries[1].event_id, "llm-generation-m1/2/out/0")
    assert entries[0].metadata == {"message_id": "m1"}
    assert {"effect_id", "attempt", "backend", "provider", "model"} <= entries[2].metadata.keys()


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_an_unhappy_end_is_shown_with_the_partial_text(ending: Any) -> None:
    """Rule 8; W-32."""
    entries = timeline(recorded(Storyteller().turn(chunks=["Once"], ending=ending)))
    assert (entries[-1].kind, entries[-1].content) == (ending, "Once")
    assert entries[-1].metadata["reason"]


def test_order_is_that_of_the_journal_not_of_the_ids() -> None:
    """Rule 1; the original sorted by id, and "msg-10" came before "msg-9" (W-5)."""
    names = ["msg-9", "msg-10", "z", "a"]
    log = recorded([signal(id=name, content=name) for name in names])
    assert [entry.content for entry in timeline(log)] == names
    assert [entry.seq for entry in timeline(log)] == [1, 2, 3, 4]


@given(pieces())
def test_deltas_keep_every_character(chunks: list[str]) -> None:
    """Rule 5; in the original "Hello", " ", "big" became "Hellobig" (W-15)."""
    entries = timeline(recorded(Storyteller().turn(chunks=chunks)))
    assert "".join(entry.content for entry in entries if entry.kind == "delta") == "".join(chunks)
    assert entries[-1].content == "".join(chunks)


@given(st.lists(st.text("ab ", min_size=1, max_size=200), max_size=12))
def test_joined_deltas_stay_within_280_characters_unless_one_alone_is_longer(texts: list[str]) -> None:
    signals = [delta(text, id=f"d{n}") for n, text in enumerate(texts)]
    entries = timeline(recorded(signals))
    assert MAX_DELTA_CHARS == 280
    assert "".join(entry.content for entry in entries) == "".join(texts)
    assert all(len(entry.content) <= MAX_DELTA_CHARS for entry in entries)
    for left, right in itertools.pairwise(entries):
        first_of_right = texts[sum(max(1, len(entry.event_ids)) for entry in entries[: entries.index(right)])]
        assert len(left.content) + len(first_of_right) > MAX_DELTA_CHARS


def test_a_delta_longer_than_the_limit_stays_whole() -> None:
    assert shown(delta("x" * 300), delta("y")) == [("delta", "x" * 300), ("delta", "y")]


@pytest.mark.parametrize(
    "other",
    [{"output_id": "assistant-e2"}, {"channel": "web"}, {"attempt": 2}],
    ids=["another answer", "another channel", "another attempt"],
)
def test_only_pieces_of_one_answer_are_joined(other: dict[str, Any]) -> None:
    assert shown(delta("a"), delta("b", **other)) == [("delta", "a"), ("delta", "b")]
    assert shown(delta("a"), delta("b", id="b")) == [("delta", "ab")]


def test_pieces_with_something_between_are_not_joined() -> None:
    assert shown(delta("a"), signal(content="?"), delta("b"))[0] == ("delta", "a")


def test_joining_can_be_left_out() -> None:
    assert shown(delta("a"), delta("b"), coalesce_deltas=False) == [("delta", "a"), ("delta", "b")]
    assert shown(delta("a"), delta("bc"), max_delta_chars=2) == [("delta", "a"), ("delta", "bc")]


def test_a_retry_takes_back_what_the_attempt_before_it_said() -> None:
    """Rule 6; in the original the reader saw both attempts, joined (W-19)."""
    signals = [delta("On"), retrying(), delta("Once", attempt=2)]
    assert shown(*signals) == [("delta", "Once")]


def test_what_a_void_attempt_said_is_not_shown_when_its_output_comes_late() -> None:
    """Rule 6: outputs are written when their signal is applied, which may be after the retry was written."""
    assert shown(retrying(), delta("On"), delta("Once", attempt=2)) == [("delta", "Once")]


@pytest.mark.parametrize(
    "signals",
    [
        [delta("a"), retrying(discarded=False)],
        [delta("a"), retrying(attempt=2)],
        [delta("a"), retrying(effect_id="e2")],
        [delta("a"), signal(status="retrying", discarded=True)],
        [delta("a"), signal("conv.in.other", status="retrying", discarded=True, attempt=1)],
    ],
    ids=["nothing discarded", "another attempt", "another effect", "a message", "another type"],
)
def test_nothing_else_takes_anything_back(signals: list[Signal]) -> None:
    assert ("delta", "a") in shown(*signals)


@pytest.mark.parametrize("retries", [1, 2])
def test_a_flaky_turn_shows_its_last_attempt(retries: int) -> None:
    """Rule 6; W-19."""
    log = recorded(Storyteller().turn(chunks=["Once ", "upon"], retries=retries))
    assert [entry.content for entry in timeline(log)[1:]] == ["Once upon", "Once upon"]


@pytest.mark.parametrize(
    ("data", "content"),
    [
        ({"content": "a", "text": "b"}, "a"),
        ({"content": " ", "text": "b", "body": "c"}, "b"),
        ({"body": "c", "message": "d"}, "c"),
        ({"message": "d"}, "d"),
        ({}, ""),
        ({"content": 7, "text": None}, ""),
    ],
)
def test_a_message_is_the_first_text_that_is_not_blank(data: dict[str, Any], content: str) -> None:
    assert shown(signal(**data)) == [("message", content)]


@pytest.mark.parametrize(
    ("data", "content"), [({"message": "m", "status": "s"}, "m"), ({"status": "s"}, "s"), ({}, "")]
)
def test_a_tool_is_a_status(data: dict[str, Any], content: str) -> None:
    [entry] = timeline(recorded([signal("conv.out.tool.status", **data)]))
    assert (entry.role, entry.kind, entry.content) == ("tool", "status", content)


@given(arrivals())
def test_everything_else_is_left_out(signals: list[Signal]) -> None:
    live = LiveLog()
    live.write(signals)
    live.drain()
    live.mark()
    log = [each for each in live.log if each.signal.subject == "c1"]
    entries = timeline(log, coalesce_deltas=False)
    assert entries == timeline([each for each in log if visible(each)], coalesce_deltas=False)
    assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
    assert all(isinstance(entry, TimelineEntry) for entry in entries)


def visible(each: Recorded) -> bool:
    return each.signal.type.startswith(("conv.in.message", "conv.out.", PROGRESS))
