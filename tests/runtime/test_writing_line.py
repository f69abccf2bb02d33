"""In which order signals are written: wishes to end something overtake what they do not mean, and nothing else does."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.catalogue import CONTROL_TYPES, stream_of
from jido_nb.runtime import writing_line
from jido_nb.runtime.writing_line import MAX_BATCH, WritingLine
from jido_nb.testing.builders import signal

ABORT, CANCEL = "conv.in.control.abort_requested", "conv.in.control.cancel_requested"
MESSAGE, TICK = "conv.in.message.received", "conv.in.timer.tick"
PROGRESS, DELTA, AUDIT = "conv.effect.llm.generation.progress", "conv.out.assistant.delta", "conv.audit.note.taken"
MARKER = "conv.applied.event.applied"

PUTS = st.tuples(
    st.sampled_from([ABORT, CANCEL, MESSAGE, TICK, PROGRESS, PROGRESS, DELTA, AUDIT, MARKER]),
    st.sampled_from("ab"),
    st.sampled_from([None, None, None, 0, 1, 2, 5]),
)
"""Type, subject, and how many puts ago the cause was put, if it has one."""


def waiting(type, id, subject="a", cause=None):
    return SimpleNamespace(signal=signal(type, subject, id=id, cause_id=cause))


def may_be_passed(older, wish):
    """Whether a wish that was put after it may be written before it. Said once more, from the other end."""
    if older.signal.id == wish.signal.cause_id:
        return False
    return older.signal.subject != wish.signal.subject or stream_of(older.signal.type) in ("effect", "out", "audit")


@given(st.lists(PUTS | st.none(), max_size=40), st.integers(1, 4))
def test_a_wish_overtakes_what_it_does_not_mean_and_all_else_keeps_its_order(acts, size):
    line, put, free, written, marks = WritingLine(), [], [], [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing_line, "MAX_BATCH", size)

        def take():
            ahead = [item for item in put if item not in written]
            batch = line.take()
            for mark, before in marks:
                assert line.passed(mark) == (before <= written_ids()), "what is taken is not yet written"
            for place, item in enumerate(batch):
                overtaken = [older for older in ahead[: ahead.index(item)] if older not in batch[:place]]
                assert not overtaken or item.signal.type in CONTROL_TYPES
                assert all(may_be_passed(older, item) for older in overtaken)
            first = [item for item in ahead if item in free]
            assert first == batch[: len(first)], "a wish that nothing holds back goes first"
            assert len(batch) == len(first) + min(size, len(ahead) - len(first))
            written.extend(batch)
            line.written()
            for mark, before in marks:
                assert line.passed(mark) == (before <= written_ids())

        def written_ids():
            return {item.signal.id for item in written}

        for act in acts:
            if act is None:
                take()
                continue
            type, subject, ago = act
            cause = put[-1 - ago].signal.id if ago is not None and ago < len(put) else None
            item = waiting(type, f"s{len(put)}", subject, cause)
            if type in CONTROL_TYPES:
                waits = [older for older in put if older not in written and older not in free]
                free += [item] * all(may_be_passed(older, item) for older in waits)
            line.put(item)
            put.append(item)
            marks.append((line.mark(), {each.signal.id for each in put}))
            assert len(line) == len(put) - len(written)
        while line:
            take()
    assert sorted(written_ids()) == sorted(item.signal.id for item in put)


HOLDS = {
    "a message of its conversation": (waiting(MESSAGE, "m"), None),
    "a timer of its conversation": (waiting(TICK, "m"), None),
    "a marker of its conversation": (waiting(MARKER, "m"), None),
    "its cause, wherever that is": (waiting(AUDIT, "m", "b"), "m"),
    "a signal that has its id": (waiting(PROGRESS, "wish"), None),
}


@pytest.mark.parametrize("what", HOLDS)
def test_a_wish_stays_behind(what):
    held, cause = HOLDS[what]
    flood = [waiting(PROGRESS, f"p{number}", "b") for number in range(5)]
    wish, second = waiting(ABORT, "wish", cause=cause), waiting(CANCEL, "second", cause="wish")
    line = WritingLine()
    for item in (*flood, held, wish, second):
        line.put(item)
    assert line.take() == [*flood, held, wish, second]
    # Once what held it is on its way, nothing does.
    late, wish = waiting(PROGRESS, "late"), waiting(ABORT, "again", cause=cause)
    line.put(late)
    line.put(wish)
    line.written()
    assert line.take() == [wish, late]


def test_a_flood_of_wishes_holds_nothing_up():
    line = WritingLine()
    for number in range(3 * MAX_BATCH):
        line.put(waiting(AUDIT, f"n{number}"))
        line.put(waiting(ABORT, f"w{number}"))
    wishes = 3 * MAX_BATCH
    for taken in range(3):
        batch = [item.signal.id for item in line.take()]
        assert batch[:wishes] == [f"w{number}" for number in range(wishes)]
        assert batch[wishes:] == [f"n{taken * MAX_BATCH + number}" for number in range(MAX_BATCH)]
        wishes = 0
        line.written()
    assert not line


def test_what_it_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(writing_line, "RECENT_IDS", 10)
    line = WritingLine()
    for number in range(100):
        line.put(waiting(MESSAGE, f"m{number}", f"c{number}"))
        line.take()
        line.written()
    assert [line.knows(f"m{number}") for number in (0, 89, 90, 99)] == [False, False, True, True]
    assert not line._fixed


def test_what_still_waits_is_never_forgotten(monkeypatch):
    monkeypatch.setattr(writing_line, "RECENT_IDS", 10)
    line = WritingLine()
    line.put(waiting(ABORT, "w", "c"))
    for number in range(100):
        line.put(waiting(AUDIT, f"n{number}"))
    assert line.knows("w")
    assert all(line.knows(f"n{number}") for number in range(100))
    line.put(waiting(ABORT, "behind its cause", cause="n0"))
    assert [item.signal.id for item in line.take()] == [
        "w",
        *(f"n{number}" for number in range(100)),
        "behind its cause",
    ]
    line.written()
    line.put(waiting(AUDIT, "next"))
    assert [line.knows(id) for id in ("w", "n0", "n91", "n92", "behind its cause", "next")] == [
        False,
        False,
        False,
        True,
        True,
        True,
    ]
