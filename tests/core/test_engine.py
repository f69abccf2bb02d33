"""The heart of a partition: what is offered is applied, all of it, in the order of the queue, and marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.catalogue import APPLIED
from jido_nb.core.directives import EmitOutput
from jido_nb.core.engine import DIGEST_BYTES, Engine, marker_id, seals
from jido_nb.core.signal import Recorded, Signal, to_body
from jido_nb.core.state import ConversationState
from jido_nb.testing.builders import signal
from jido_nb.testing.live_log import LiveLog
from jido_nb.testing.strategies import arrivals, cuts


def ids(live: LiveLog) -> list[str]:
    return [applied.recorded.signal.id for applied in live.applied]


def engine_with(*signals: Signal) -> Engine:
    engine = Engine(partition_id=3)
    for seq, each in enumerate(signals, 1):
        engine.offer(Recorded(seq, each))
    return engine


def test_an_engine_without_work_does_nothing() -> None:
    engine = Engine()
    assert engine.step() is None
    assert engine.open_runs == []
    assert engine.take_marker("c1") is None


def test_what_is_applied_tells_state_and_wishes() -> None:
    applied = engine_with(signal(id="m1")).step()
    assert applied is not None
    assert (applied.recorded.seq, applied.priority, applied.state.applied_count) == (1, 1, 1)
    assert [type(wish).__name__ for wish in applied.directives] == ["StartEffect"]


def test_markers_are_not_applied() -> None:
    engine = engine_with(signal(APPLIED, id="m1/applied"), signal("conv.applied.other"))
    assert len(engine) == 0
    assert engine.step() is None


@given(arrivals(), st.data())
def test_any_order_of_arrival_and_any_cut_is_applied_completely(signals: list[Signal], data: st.DataObject) -> None:
    """Rules 1, 2 and 4: whatever arrives in whatever batches, and however far each is worked off (W-7)."""
    live = LiveLog()
    for batch in data.draw(cuts(signals)):
        live.write(batch)
        for _ in range(data.draw(st.integers(0, 2 * len(batch)))):
            live.step()
    live.drain()
    assert len(live.engine) == 0
    assert sorted(applied.recorded.seq for applied in live.applied) == [recorded.seq for recorded in live.log]


@given(arrivals(), st.data())
def test_one_effects_signals_are_applied_in_the_order_they_were_written(
    signals: list[Signal], data: st.DataObject
) -> None:
    """Rule 1; W-3."""
    live = LiveLog()
    for batch in data.draw(cuts(signals)):
        live.write(batch)
        live.step()
    live.drain()
    last: dict[object, int] = {}
    for applied in live.applied:
        seq, each = applied.recorded
        if "effect_id" in each.data and each.type.startswith("conv.effect."):
            story = (each.subject, each.data["effect_id"])
            assert last.get(story, 0) < seq
            last[story] = seq


@given(arrivals())
def test_every_ending_is_shown_once(signals: list[Signal]) -> None:
    """Rule 8."""
    live = LiveLog()
    live.write(signals)
    live.drain()
    endings = [
        (each.subject, f"assistant-{each.data['effect_id']}", each.data["lifecycle"])
        for each in signals
        if each.type.rpartition(".")[2] in {"completed", "failed", "canceled"} and ".llm." in each.type
    ]
    shown = [
        (recorded.signal.subject, recorded.signal.data["output_id"], recorded.signal.type.rpartition(".")[2])
        for recorded in live.log
        if recorded.signal.type.startswith("conv.out.assistant.") and not recorded.signal.type.endswith(".delta")
    ]
    assert sorted(shown) == sorted(endings)


def test_an_abort_that_arrives_behind_everything_is_applied_next() -> None:
    """Rule 2; in the original it was the 301st of 301 (W-2)."""
    live = LiveLog()
    live.write(
        signal("conv.effect.llm.generation.progress", id=f"p{n}", effect_id="e1", token_delta="x") for n in range(300)
    )
    live.step()
    live.write([signal("conv.in.control.abort_requested", id="stop")])
    live.step()
    assert ids(live) == ["p0", "stop"]


def test_a_marker_covers_the_run_since_the_last_one() -> None:
    """Rule 3: markers over runs do not double the log (W-35)."""
    engine = engine_with(signal("conv.audit.x", id="a1"), signal(id="m1"), signal("conv.audit.x", "c2", id="a1"))
    states = [applied.state for applied in iter(engine.step, None) if applied.state.conversation_id == "c1"]
    assert engine.open_runs == ["c1", "c2"]
    assert engine.run_length("c1") == 2
    marker = engine.take_marker("c1")
    assert marker is not None
    told = dict(marker.data)
    live, right = seals(to_body(told))
    assert told.pop("seal") == live == right
    assert told == {
        "applied_event_id": "a1",
        "applied_event_ids": ["m1", "a1"],
        "digests": "".join(state.chain[:DIGEST_BYTES].hex() for state in states),
        "state_hash": states[-1].chain.hex(),
        "applied_count": 2,
        "partition_id": 3,
    }
    assert (marker.subject, marker.cause_id, marker_id(marker.data)) == ("c1", "a1", "a1/applied")
    assert engine.run_length("c1") == 0
    assert engine.take_marker("c1") is None


def test_a_conversation_can_be_forgotten_when_it_is_marked() -> None:
    engine = engine_with(signal(id="m1"))
    engine.step()
    engine.forget("c1")
    assert "c1" in engine.states, "its run is not marked yet"
    engine.take_marker("c1")
    engine.forget("c1")
    assert engine.states == {}


def test_a_state_that_was_replayed_back_is_carried_on() -> None:
    whole = engine_with(signal(id="m1"), signal("conv.audit.x", id="a1"))
    first = whole.step()
    second = whole.step()
    assert first is not None
    assert second is not None
    resumed = Engine()
    resumed.states["c1"] = first.state
    resumed.offer(second.recorded)
    again = resumed.step()
    assert again is not None
    assert again.state == second.state


@pytest.mark.parametrize("ending", ["completed", "failed", "canceled"])
def test_ids_of_outputs_follow_from_their_cause(ending: str) -> None:
    effect = signal(f"conv.effect.llm.generation.{ending}", id="e1/4")
    applied = engine_with(effect).step()
    assert applied is not None
    assert [wish.id for wish in applied.directives if isinstance(wish, EmitOutput)] == ["e1/4/out/0"]


def test_the_same_ids_in_two_conversations_are_two_stories() -> None:
    """Rule 1; W-6."""
    engine = engine_with(*(signal(id="m1", subject=subject) for subject in ("c1", "c2")))
    assert [applied.state for applied in iter(engine.step, None)] == [engine.states["c1"], engine.states["c2"]]
    assert all(isinstance(state, ConversationState) and state.applied_count == 1 for state in engine.states.values())
