"""Deltas are joined at the source: fewer signals, and not a character or a timing less."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.llm.event import LLMEvent
from jido_nb.llm.result import ToolCall
from jido_nb.runtime.joiner import MAX_PENDING_CHARS, MAX_PENDING_CHUNKS, DeltaJoiner


def delta(text, sequence=0):
    return LLMEvent("delta", sequence, delta=text)


def thinking(text, sequence=0):
    return LLMEvent("thinking", sequence, thinking=text)


def tool(sequence=0, **fields):
    return LLMEvent("tool", sequence, tool=ToolCall(id="call-1", name="search", **fields))


def test_the_first_delta_goes_out_at_once():
    assert DeltaJoiner(30).offer(delta("hi", 4), 12.34) == (
        {"status": "streaming", "sequence": 4, "token_delta": "hi", "chunks": [[12.3, 2]]},
    )


def test_what_follows_is_joined_until_the_time_has_passed_since_the_last_one_went_out():
    joiner = DeltaJoiner(30)
    joiner.offer(delta("a", 0), 5)
    assert [joiner.offer(delta(text, n), at) for n, (text, at) in enumerate([("b", 10), (" ", 20), ("c", 34)], 1)] == [
        (), (), (),
    ]  # fmt: skip
    assert joiner.due_at_ms == 35
    (payload,) = joiner.offer(delta("d", 4), 35)
    assert payload == {
        "status": "streaming",
        "sequence": 1,
        "token_delta": "b cd",
        "chunks": [[10, 1], [20, 1], [34, 1], [35, 1]],
    }
    assert joiner.due_at_ms is None


def test_what_is_due_can_be_taken_without_another_delta():
    joiner = DeltaJoiner(30)
    joiner.offer(delta("a"), 0)
    joiner.offer(delta("b", 1), 10)
    assert joiner.take(30) == {"status": "streaming", "sequence": 1, "token_delta": "b", "chunks": [[10, 1]]}
    assert joiner.take(30) is None
    assert joiner.offer(delta("c", 2), 59) == ()
    assert joiner.due_at_ms == 60


def test_a_gulp_goes_out_in_one_piece_and_does_not_wait_for_the_next_one():
    joiner = DeltaJoiner(30)
    joiner.offer(delta("a"), 0)
    joiner.gulps = True
    gulp = [("b", 250), ("c", 250.1), ("d", 262)]
    assert [joiner.offer(delta(text, n), at) for n, (text, at) in enumerate(gulp, 1)] == [(), (), ()]
    assert joiner.due_at_ms == 280
    assert joiner.take(280)["token_delta"] == "bcd"


def test_thinking_alone_has_its_own_status_and_text_beside_it_makes_it_streaming():
    joiner = DeltaJoiner(30)
    (first,) = joiner.offer(thinking("hm", 0), 1)
    assert first == {"status": "thinking", "sequence": 0, "thinking_delta": "hm", "thinking_chunks": [[1, 2]]}
    joiner.offer(thinking("m", 1), 2)
    joiner.offer(delta("so", 2), 3)
    assert joiner.take(31) == {
        "status": "streaming",
        "sequence": 1,
        "token_delta": "so",
        "chunks": [[3, 2]],
        "thinking_delta": "m",
        "thinking_chunks": [[2, 1]],
    }


def test_a_tool_event_lets_what_is_pending_go_first_and_then_goes_alone():
    joiner = DeltaJoiner(30)
    joiner.offer(delta("a"), 0)
    joiner.offer(delta("b", 1), 5)
    before, call = joiner.offer(tool(2, arguments={"q": 1}, status="completed", output="found"), 6)
    assert before["token_delta"] == "b"
    assert call == {
        "status": "tool",
        "sequence": 2,
        "tool_name": "search",
        "tool_call_id": "call-1",
        "tool_status": "completed",
        "tool_input": {"q": 1},
        "tool_output": "found",
    }
    assert joiner.due_at_ms is None


def test_an_empty_delta_is_nothing():
    joiner = DeltaJoiner(30)
    assert joiner.offer(delta(""), 0) == ()
    assert joiner.due_at_ms is None


def test_without_joining_each_delta_goes_alone():
    joiner = DeltaJoiner(0)
    sent = [joiner.offer(delta(text, n), 1.0)[0]["token_delta"] for n, text in enumerate(["a", "\n", " b"])]
    assert sent == ["a", "\n", " b"]


@pytest.mark.parametrize(
    ("text", "count"), [("x" * 1024, MAX_PENDING_CHARS // 1024), ("x", MAX_PENDING_CHUNKS)], ids=["long", "many"]
)
def test_what_is_pending_is_bounded(text, count):
    joiner = DeltaJoiner(10_000)
    joiner.offer(delta("first"), 0)
    assert [bool(joiner.offer(delta(text, n), 1)) for n in range(count)] == [False] * (count - 1) + [True]


chunks = st.lists(
    st.tuples(
        st.floats(0, 50, allow_nan=False),
        st.one_of(st.builds(delta, st.text(max_size=5)), st.builds(thinking, st.text(max_size=5)), st.builds(tool)),
        st.booleans(),
    ),
    max_size=60,
)


@given(chunks, st.integers(0, 100), st.booleans())
def test_no_character_and_no_timing_is_lost(chunks, join_ms, gulps):
    joiner, at_ms, sent = DeltaJoiner(join_ms), 0.0, []
    joiner.gulps = gulps
    for gap_ms, event, take in chunks:
        at_ms += gap_ms
        sent += [(at_ms, payload) for payload in joiner.offer(event, at_ms)]
        if take and joiner.due_at_ms is not None and joiner.due_at_ms <= at_ms:
            sent.append((at_ms, joiner.take(at_ms)))
    if (rest := joiner.take(at_ms)) is not None:
        sent.append((at_ms, rest))
    events = [event for _, event, _ in chunks]
    for text, pieces, of in (
        ("token_delta", "chunks", [event.delta for event in events]),
        ("thinking_delta", "thinking_chunks", [event.thinking for event in events]),
    ):
        assert "".join(payload.get(text, "") for _, payload in sent) == "".join(of)
        assert [chars for _, payload in sent for _, chars in payload.get(pieces, [])] == [len(t) for t in of if t]
    joined = [at for at, payload in sent[:-1] if payload["status"] != "tool"]
    if not any(event.tool for event in events):
        assert all(later - earlier >= join_ms - 1e-6 for earlier, later in pairwise(joined))
