"""Rule 3: a replay of the log gives what was lived, and finds what is not as it was lived (W-1)."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from jido_nb.core.catalogue import APPLIED
from jido_nb.core.engine import SEAL
from jido_nb.core.replay import Replayer, replay
from jido_nb.core.signal import Recorded, Signal, make_signal, to_body
from jido_nb.core.snapshot import SNAPSHOT
from jido_nb.journal.codec import LazyData
from jido_nb.testing.builders import Storyteller, recorded, signal
from jido_nb.testing.live_log import LiveLog
from jido_nb.testing.strategies import arrivals, cuts, json_values


def eventful() -> list[Recorded]:
    """Two conversations: a retried answer, a canceled one, and an abort with a project and a cause."""
    told = Storyteller()
    signals = told.turn("c1", chunks=["Once ", "\n"], thinking=["hm"], retries=1)
    signals += told.turn("c2", chunks=["A"], ending="canceled")
    signals += told.turn("c1", chunks=["B"], ending="failed")
    return recorded(signals)


LOG = eventful()
MARKERS = [seq for seq, each in LOG if each.type == APPLIED]


def found(log: Sequence[Recorded]) -> Replayer:
    """The replay of a log that must not pass for the one that was lived."""
    replayer = replay(log)
    assert not replayer.identical
    return replayer


def with_signal(seq: int, **changes: Any) -> list[Recorded]:
    """The log with one signal changed."""
    if "body" in changes:
        changes["data"] = LazyData(changes["body"])
    return [Recorded(each.seq, changed(each.signal, **changes)) if each.seq == seq else each for each in LOG]


def lived(signals: list[Signal], data: st.DataObject) -> LiveLog:
    """Signals that arrived in any batches, were worked off in any portions, and marked at any time."""
    live = LiveLog()
    for batch in data.draw(cuts(signals)):
        live.write(batch)
        for _ in range(data.draw(st.integers(0, 2 * len(batch)))):
            live.step()
        if data.draw(st.booleans()):
            live.mark()
    return live


@given(arrivals(), st.data())
def test_a_replay_equals_what_was_lived(signals: list[Signal], data: st.DataObject) -> None:
    live = lived(signals, data)
    live.drain()
    live.mark()
    replayer = replay(live.log)
    assert replayer.divergences == []
    assert replayer.states == live.engine.states
    assert replayer.applied == len(live.applied)
    assert replayer.unapplied == []


@given(arrivals(), st.data())
def test_a_replay_equals_what_was_lived_wherever_the_log_ends(signals: list[Signal], data: st.DataObject) -> None:
    live = lived(signals, data)
    log = live.log[: data.draw(st.integers(0, len(live.log)))]
    replayer = replay(log)
    assert replayer.divergences == []
    assert replayer.applied + len(replayer.unapplied) == sum(each.signal.type != APPLIED for each in log)
    live.drain()
    live.mark()
    for each in live.log[len(log) :]:
        replayer.feed(each)
    assert replayer.identical
    assert replayer.states == live.engine.states


@given(arrivals(), st.data())
def test_a_replay_goes_on_from_any_state(signals: list[Signal], data: st.DataObject) -> None:
    live = lived(signals, data)
    live.drain()
    live.mark()
    cut = len(live.log)
    first = replay(live.log)
    live.write([signal("conv.audit.later", each, id="later") for each in ("c1", "c3")])
    live.drain()
    live.mark()
    second = replay(live.log[cut:], first.states)
    assert second.identical
    assert second.states == live.engine.states


def test_order_of_application_is_followed_not_guessed() -> None:
    """Worked off one by one and all at once, the same signals give two histories; each replays to its own (W-1)."""
    kinds = ["started", "progress", "progress", "completed"]
    story = [signal(f"conv.effect.tool.execution.{kind}", id=f"s{n}") for n, kind in enumerate(kinds)]
    story.insert(2, signal("conv.in.control.abort_requested", id="stop"))
    one_by_one, at_once = LiveLog(), LiveLog()
    for each in story:
        one_by_one.write([each])
        one_by_one.drain()
    at_once.write(story)
    at_once.drain()
    orders = []
    for live in (one_by_one, at_once):
        live.mark()
        replayer = replay(live.log)
        assert replayer.identical
        assert replayer.states == live.engine.states
        history = reversed(replayer.states["c1"].history)
        orders.append([entry.id for entry in history if not entry.type.startswith("conv.out.")])
        assert replayer.states["c1"].in_flight == {}
    assert orders == [["s0", "s1", "stop", "s2", "s3"], ["stop", "s0", "s1", "s2", "s3"]]


def bytes_of(body: bytes) -> Iterator[bytes]:
    """`body` with each byte in turn replaced by another."""
    for at, byte in enumerate(body):
        yield body[:at] + bytes([byte ^ 1]) + body[at + 1 :]


@pytest.mark.parametrize("seq", [seq for seq, _ in LOG if seq not in MARKERS])
def test_any_changed_byte_of_a_payload_is_found_and_its_signal_named(seq: int) -> None:
    each = LOG[seq - 1].signal
    for body in bytes_of(each.body):
        [divergence] = found(with_signal(seq, body=body)).divergences
        assert (divergence.seq, divergence.signal_id) == (seq, each.id), body


@pytest.mark.parametrize("seq", MARKERS)
def test_any_changed_byte_of_a_marker_is_found_and_the_marker_named(seq: int) -> None:
    """Order of ids, digests, hash, count, and also where it was applied, which no replay could tell: the seal does."""
    each = LOG[seq - 1].signal
    for body in bytes_of(each.body):
        [divergence] = found(with_signal(seq, body=body)).divergences
        assert (divergence.seq, divergence.signal_id) == (seq, each.id), body


def unsealed(log: Sequence[Recorded]) -> list[Recorded]:
    """The log as it was written before markers had seals and kept states."""
    older = []
    for seq, each in log:
        data = {key: value for key, value in each.data.items() if key not in {SEAL, SNAPSHOT} or each.type != APPLIED}
        older.append(Recorded(seq, changed(each, data=data, body=to_body(data))))
    return older


def test_a_log_from_before_there_were_seals_replays_and_is_still_checked() -> None:
    old = unsealed(LOG)
    assert replay(old).identical
    assert replay(old).states == replay(LOG).states
    for seq in MARKERS:
        each = old[seq - 1].signal
        for body in bytes_of(each.body):
            if body[:-2] != each.body[:-2]:  # the number of the partition, which only a seal could vouch for
                other = changed(each, data=LazyData(body), body=body)
                [divergence] = found([*old[: seq - 1], Recorded(seq, other), *old[seq:]]).divergences
                assert divergence.subject == each.subject


TEXTS = ("id", "type", "source", "subject")


@pytest.mark.parametrize("field", [*TEXTS, "time_us", "extensions"])
def test_any_change_of_the_envelope_is_found(field: str) -> None:
    for seq, each in LOG:
        if seq in MARKERS:
            continue
        value = getattr(each, field)
        if field in TEXTS:
            values: list[Any] = [text.decode("latin-1") for text in bytes_of(value.encode())]
        elif field == "time_us":
            values = [value + 1, value - 1_000_000]
        else:
            values = [{**value, "cause_id": "x"}, {**value, "project_id": "p"}, {**value, "contract_major": 2}]
        for other in values:
            replayer = found(with_signal(seq, **{field: other}))
            if field in {"source", "time_us", "extensions", "type"}:
                assert each.id in {divergence.signal_id for divergence in replayer.divergences}


@pytest.mark.parametrize("seq", MARKERS)
def test_a_marker_with_another_id_is_found(seq: int) -> None:
    found(with_signal(seq, id="x/applied"))


@pytest.mark.parametrize("gone", range(1, len(LOG) + 1))
def test_a_dropped_signal_is_found(gone: int) -> None:
    log = [each for each in LOG if each.seq != gone]
    last_of = {each.signal.subject: each.seq for each in LOG if each.seq in MARKERS}
    if gone in last_of.values():
        # As after a crash: nothing contradicts it, but the log itself says what is not proven.
        replayer = replay(log)
        assert replayer.identical
        assert replayer.unapplied
    else:
        found(log)


@pytest.mark.parametrize("first", [seq for seq in range(1, len(LOG)) if seq not in MARKERS or seq + 1 not in MARKERS])
def test_two_signals_that_changed_places_are_found(first: int) -> None:
    one, other = LOG[first - 1].signal, LOG[first].signal
    swapped = {first: other, first + 1: one}
    found([Recorded(seq, swapped.get(seq, each)) for seq, each in LOG])


def test_a_log_that_is_not_in_order_is_found() -> None:
    [divergence] = found([*LOG[:3], LOG[2]]).divergences
    assert (divergence.field, divergence.signal_id) == ("seq", LOG[2].signal.id)


def test_a_missing_run_is_named_by_the_marker_after_it() -> None:
    live = LiveLog()
    for number in range(3):
        live.write([signal("conv.audit.x", id=f"a{number}")])
        live.drain()
        live.mark()
    [divergence] = found([each for each in live.log if "a1" not in each.signal.id]).divergences
    assert (divergence.signal_id, divergence.field) == ("a2/applied", "applied_count")
    assert (divergence.live, divergence.replayed) == ("3", "2")


def test_a_difference_in_one_conversation_leaves_the_others_judged() -> None:
    replayer = found(with_signal(1, source="/elsewhere"))
    assert [divergence.subject for divergence in replayer.divergences] == ["c1"]
    after = [each for each in LOG if each.signal.subject == "c1" and each.seq > MARKERS[0]]
    assert replayer.unjudged == len(after)
    assert replayer.states["c2"] == replay(LOG).states["c2"]
    assert all(each.signal.subject != "c1" for each in replayer.unapplied)


def test_an_output_that_the_reducer_would_not_write_is_found() -> None:
    """The hashes fit; it is the reducer that does something else now."""
    live = LiveLog()
    live.write([signal("conv.effect.llm.generation.progress", id="p1", token_delta="lived")])
    applied = live.engine.step()
    assert applied is not None
    live.applied.append(applied)
    live.write([signal("conv.out.assistant.delta", id="p1/out/0", cause_id="p1", delta="replayed")])
    live.drain()
    live.mark()
    [divergence] = found(live.log).divergences
    assert (divergence.signal_id, divergence.field) == ("p1/out/0", "data")
    assert "replayed" in divergence.live
    assert "lived" in divergence.replayed


def test_a_marker_that_somebody_else_wrote_claims_nothing() -> None:
    foreign = signal(APPLIED, id="theirs", source="/elsewhere", applied_event_id="m1")
    replayer = replay([Recorded(1, signal(id="m1")), Recorded(2, foreign)])
    assert replayer.identical
    assert [each.signal.id for each in replayer.unapplied] == ["m1"]


MARKER_KEYS = ["applied_event_id", "applied_event_ids", "digests", "state_hash", "applied_count", "partition_id", SEAL]


@given(st.dictionaries(st.sampled_from(MARKER_KEYS), json_values() | st.just(["m1"])), st.sampled_from(["data", "raw"]))
def test_no_marker_can_make_a_replay_raise(data: dict[str, Any], kind: str) -> None:
    marker = make_signal(id="m1/applied", type=APPLIED, source="/runtime/reducer", subject="c1", time_us=0, data=data,
                         extensions={})  # fmt: skip
    if kind == "raw":
        marker = changed(marker, data=LazyData(b"{broken"), body=b"{broken")
    found([Recorded(1, signal(id="m1")), Recorded(2, marker)])


def test_an_empty_log_is_identical_to_nothing() -> None:
    replayer = replay([])
    assert (replayer.identical, replayer.applied, replayer.states, replayer.last_seq) == (True, 0, {}, 0)
