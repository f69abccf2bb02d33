"""What one signal does to a conversation, and what it asks for."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.catalogue import priority_of
from jido_nb.core.directives import CancelEffects, Directive, StartEffect
from jido_nb.core.reducer import Draft, effect_id_of, reduce
from jido_nb.core.signal import Signal, make_signal
from jido_nb.core.state import HISTORY_LIMIT, ConversationState, HistoryEntry
from jido_nb.testing.builders import signal
from jido_nb.testing.strategies import arrivals, json_values

LLM = "conv.effect.llm.generation"
CONTROLS = ["abort_requested", "stop_requested", "cancel_requested"]


def after(*signals: Signal) -> tuple[ConversationState, Sequence[Directive]]:
    """The state after `signals`, and what the last one asked for."""
    state = ConversationState("c1")
    directives: Sequence[Directive] = []
    for seq, each in enumerate(signals, 1):
        state, directives = reduce(state, each, seq, priority_of(each.type))
    return state, directives


def lifecycle(name: str, effect_id: str = "e1", **data: Any) -> Signal:
    return signal(f"{LLM}.{name}", effect_id=effect_id, lifecycle=name, **data)


@pytest.mark.parametrize(
    ("kind", "effect_class", "effect_kind", "effect_id"),
    [
        ("conv.in.message.received", "llm", "generation", "llm-generation-x1"),
        ("conv.in.tool.requested", "tool", "execution", "tool-execution-x1"),
        ("conv.in.timer.tick", "timer", "wait", "timer-wait-x1"),
    ],
)
def test_what_asks_for_an_effect_starts_one(kind: str, effect_class: str, effect_kind: str, effect_id: str) -> None:
    """Rule 11; no directive of the original ever started a tool (W-33)."""
    asks = signal(kind, id="x1", content="hello")
    state, directives = after(asks)
    assert directives == [StartEffect(effect_id, "c1", effect_class, effect_kind, asks.data, "x1")]
    assert effect_id_of(asks) == effect_id
    assert state.in_flight == {effect_id: "requested"}


@pytest.mark.parametrize(
    "kind",
    ["conv.in.message.edited", "conv.in.weather", "conv.audit.note", "conv.out.assistant.delta", f"{LLM}.started"],
)
def test_other_signals_start_nothing(kind: str) -> None:
    assert after(signal(kind, id="x1"))[1] == []
    assert effect_id_of(signal(kind, id="x1")) is None


@pytest.mark.parametrize("control", CONTROLS)
class TestControl:
    def test_every_control_signal_cancels(self, control: str) -> None:
        """Rule 11; in the original `cancel_requested` only set a flag (W-32)."""
        asks = signal(f"conv.in.control.{control}", id="x1", reason="enough", requested_by="ada")
        state, directives = after(asks)
        assert directives == [CancelEffects("c1", None, "enough", "ada", "x1")]
        assert state.flags == {control}

    def test_the_reason_is_the_type_unless_one_is_given(self, control: str) -> None:
        [wish] = after(signal(f"conv.in.control.{control}", id="x1"))[1]
        assert wish == CancelEffects("c1", None, f"conv.in.control.{control}", None, "x1")

    def test_the_next_message_clears_the_flags(self, control: str) -> None:
        """Rule 11; in the original they stayed for ever (W-32)."""
        asks = signal(f"conv.in.control.{control}", id="x1")
        assert after(asks, signal("conv.audit.note"))[0].flags == {control}
        assert after(asks, signal(id="m2"))[0].flags == frozenset()


@pytest.mark.parametrize(("control", "only"), [("abort", None), ("stop", "e1"), ("cancel", "e1")])
def test_a_control_signal_may_name_one_effect_but_an_abort_takes_all(control: str, only: str | None) -> None:
    [wish] = after(signal(f"conv.in.control.{control}_requested", effect_id="e1"))[1]
    assert isinstance(wish, CancelEffects)
    assert wish.effect_id == only


@pytest.mark.parametrize(
    ("lifecycles", "in_flight"),
    [
        (["started"], {"e1": "started"}),
        (["started", "progress"], {"e1": "progress"}),
        (["started", "progress", "completed"], {}),
        (["started", "failed"], {}),
        (["started", "canceled"], {}),
        (["completed"], {}),
        (["started", "resting"], {"e1": "started"}),
    ],
)
def test_effects_are_in_flight_until_they_end(lifecycles: list[str], in_flight: dict[str, str]) -> None:
    assert after(*(lifecycle(name) for name in lifecycles))[0].in_flight == in_flight


def test_a_message_is_answered_by_the_effect_it_asked_for() -> None:
    signals = [signal(id="m1"), lifecycle("started", "llm-generation-m1"), lifecycle("completed", "llm-generation-m1")]
    assert [after(*signals[:count])[0].in_flight for count in (1, 2, 3)] == [
        {"llm-generation-m1": "requested"},
        {"llm-generation-m1": "started"},
        {},
    ]


@pytest.mark.parametrize("value", [0, False, 3.5, True])
@pytest.mark.parametrize("key", ["effect_id", "lifecycle"])
def test_names_that_are_no_text_disturb_nothing(key: str, value: Any) -> None:
    state, _ = after(signal(f"{LLM}.progress", **{key: value}, token_delta="x"))
    assert (state.applied_count, state.in_flight) == (1, {})


def test_every_signal_is_counted_under_its_stream() -> None:
    state, _ = after(signal(), lifecycle("started"), lifecycle("progress"), signal("conv.audit.note"))
    assert (state.applied_count, state.stream_counts) == (4, {"in": 1, "applied": 0, "effect": 2, "out": 0, "audit": 1})


def test_history_is_newest_first_and_holds_a_hundred() -> None:
    state, _ = after(*(signal("conv.audit.note", id=f"a{n}") for n in range(HISTORY_LIMIT + 20)))
    assert len(state.history) == HISTORY_LIMIT == 100
    assert state.history[0] == HistoryEntry("a119", "conv.audit.note", 2, 120)
    assert state.history[-1].id == "a20"
    assert state.last_event == state.history[0]
    assert ConversationState("c1").last_event is None


@given(arrivals())
def test_reducing_changes_no_state_that_somebody_holds(signals: list[Signal]) -> None:
    states = [ConversationState("c1")]
    for seq, each in enumerate(signals):
        states.append(reduce(states[-1], each, seq, priority_of(each.type))[0])
    again = [ConversationState("c1")]
    for seq, each in enumerate(signals):
        again.append(reduce(again[-1], each, seq, priority_of(each.type))[0])
    assert states == again
    assert [state.applied_count for state in states] == list(range(len(states)))


@given(st.lists(arrivals(), min_size=1, max_size=3))
def test_a_run_leads_where_its_signals_lead_one_by_one(runs: list[list[Signal]]) -> None:
    alone = together = ConversationState("c1")
    seq = 0
    for run in runs:
        draft = Draft(together)
        for each in run:
            seq += 1
            alone, directives = reduce(alone, each, seq, priority_of(each.type))
            assert draft.apply(each, seq, priority_of(each.type)) == directives
            assert draft.chain == alone.chain
        together = draft.done()
        assert together == alone


def test_a_long_run_leaves_the_last_hundred_in_the_history() -> None:
    draft = Draft(after(signal("conv.audit.note", id="first"))[0])
    for n in range(HISTORY_LIMIT + 20):
        draft.apply(signal("conv.audit.note", id=f"a{n}"), n + 2, 2)
    assert [entry.id for entry in draft.done().history] == [f"a{n}" for n in reversed(range(20, HISTORY_LIMIT + 20))]


@pytest.mark.parametrize("body", [{"lifecycle": "completed"}, {"effect_id": ["e1"]}, {"effect_id": "e1"}])
def test_a_signal_that_cannot_be_applied_leaves_the_draft_as_it_was(body: dict[str, Any]) -> None:
    known = lifecycle("started")
    broken = make_signal(
        id="x9", type=f"{LLM}.completed", source="/s", subject="c1", time_us=1, data=body, extensions={}
    )
    draft = Draft(after(known)[0])
    with pytest.raises(KeyError):
        draft.apply(broken, 2, 1)
    assert draft.done() == after(known)[0]


CHANGES: dict[str, dict[str, Any]] = {
    "id": {"id": "x2"},
    "type": {"type": "conv.audit.other"},
    "source": {"source": "/other"},
    "time": {"time_us": 5},
    "cause": {"cause_id": "m9"},
    "project": {"project_id": "p9"},
    "extension": {"extensions": {"weight": 1}},
    "data": {"n": 2},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_hash_covers_everything_that_is_stored(change: dict[str, Any]) -> None:
    known: dict[str, Any] = {"type": "conv.audit.note", "id": "x1", "n": 1}
    assert after(signal(**known))[0].chain != after(signal(**{**known, **change}))[0].chain


def test_the_hash_covers_the_place_in_the_log_and_what_went_before() -> None:
    note, other = signal("conv.audit.note", id="x1"), signal("conv.audit.note", id="x2")
    start = ConversationState("c1")
    assert reduce(start, note, 1, 2)[0].chain != reduce(start, note, 2, 2)[0].chain
    assert after(note, other)[0].chain != after(other, note)[0].chain


def test_the_hash_does_not_depend_on_the_order_of_extensions() -> None:
    pairs = [("contract_major", 1), ("project_id", "p1"), ("weight", 2)]
    chains = {
        after(signal(id="x1", extensions=dict(order)))[0].chain for order in (pairs, pairs[::-1], pairs[1:] + pairs[:1])
    }
    assert len(chains) == 1


@given(st.dictionaries(st.sampled_from(["result", "metadata", "usage", "token_delta", "reason", "status", "delta",
       "tool_name", "tool_status", "partial_text", "channel", "ingress", "content", "model", "requested_by"]),
       json_values()), st.sampled_from(["started", "progress", "completed", "failed", "canceled"]),
       st.sampled_from(["llm.generation", "tool.execution", "timer.wait", "own.thing"]))  # fmt: skip
def test_no_payload_can_stop_the_reducer(data: dict[str, Any], name: str, effect: str) -> None:
    """Rule 9; a payload could take the original's workers down (W-48)."""
    state, _ = after(signal(f"conv.effect.{effect}.{name}", **data), signal("conv.in.control.stop_requested", **data))
    assert state.applied_count == 2
