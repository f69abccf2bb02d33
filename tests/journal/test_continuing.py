"""A conversation goes on from the last state that its log keeps, and whole or from there, a replay says the same."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from jido_nb.core.catalogue import APPLIED
from jido_nb.core.engine import SEAL, Engine, sealed
from jido_nb.core.replay import replay
from jido_nb.core.signal import Recorded, Signal, to_body
from jido_nb.core.snapshot import SNAPSHOT
from jido_nb.journal.continuing import HISTORY_PAGE, MARKERS_FIRST, continued, last_rest, resumed
from jido_nb.journal.jsonl import JsonlJournal
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.open import open_journal
from jido_nb.journal.protocol import Journal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import Storyteller, signal
from jido_nb.testing.live_log import LiveLog
from jido_nb.testing.strategies import arrivals, cuts

JournalFactory = Callable[[], Journal]

KINDS: dict[str, Callable[[Path], Journal]] = {
    "memory": lambda folder: MemoryJournal(),
    "sqlite": lambda folder: SqliteJournal(folder / f"{uuid4()}.sqlite"),
    "jsonl": lambda folder: JsonlJournal(folder / f"{uuid4()}.jsonl"),
}


@pytest.fixture(params=[*KINDS, pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def journal_factory(request: pytest.FixtureRequest, tmp_path: Path) -> JournalFactory:
    if request.param == "postgres":
        postgres_url = request.getfixturevalue("postgres_url")
        return lambda: open_journal(postgres_url())
    return lambda: KINDS[request.param](tmp_path)


@pytest.fixture
def journal() -> Iterator[MemoryJournal]:
    with closing(MemoryJournal()) as journal:
        yield journal


def lived(signals: list[Signal], data: st.DataObject) -> list[Signal]:
    """A log of signals that came in any batches, were applied in any portions, and marked at any time."""
    live = LiveLog()
    for batch in data.draw(cuts(signals)):
        live.write(batch)
        for _ in range(data.draw(st.integers(0, 3 * len(batch)))):
            live.step()
        if data.draw(st.booleans()):
            live.mark()
    return [recorded.signal for recorded in live.log]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(arrivals(), st.data())
def test_the_last_state_and_the_rest_give_what_the_whole_log_gives(
    journal_factory: JournalFactory, signals: list[Signal], data: st.DataObject
) -> None:
    log = lived(signals, data)
    with closing(journal_factory()) as journal:
        journal.append(log[: data.draw(st.integers(1, len(log)))])
        until_seq = data.draw(st.none() | st.integers(0, len(log)))
        for subject in journal.subjects():
            whole = replay(journal.read(subject=subject))
            for short in (continued(journal, subject), resumed_to_the_end(journal, subject, until_seq)):
                assert short.identical
                assert short.states == whole.states
                assert short.unapplied == whole.unapplied
                assert short.last_seq == whole.last_seq


def resumed_to_the_end(journal: Journal, subject: str, until_seq: int | None) -> Any:
    replayer = resumed(journal, subject, until_seq)
    for recorded in journal.read(subject=subject, after_seq=replayer.last_seq):
        replayer.feed(recorded)
    return replayer


class Counting(MemoryJournal):
    """Counts the signals that were read."""

    taken = 0

    def read(self, **asked: Any) -> Iterator[Recorded]:
        for recorded in super().read(**asked):
            self.taken += 1
            yield recorded


@pytest.mark.parametrize("after", [0, 7])
def test_going_on_costs_what_came_since_and_not_what_was_before(after: int) -> None:
    costs = []
    for turns in (30, 100, 1000):
        journal, teller = Counting(), Storyteller()
        for _ in range(turns):
            journal.append(teller.turn("c1"))
        later = [signal("conv.audit.note", "c1", id=f"later{n}") for n in range(after)]
        journal.append(later)
        replayer = continued(journal, "c1")
        assert [each.signal.id for each in replayer.unapplied] == [each.id for each in later]
        costs.append((journal.taken, replayer.applied))
    assert costs[0] == (HISTORY_PAGE + MARKERS_FIRST + after, 0)
    assert costs[1:] == costs[:-1]


@pytest.mark.parametrize("length", [99, 100, 101, 250])
def test_the_history_is_what_it_was_whatever_its_length(journal: MemoryJournal, length: int) -> None:
    live = LiveLog()
    for number in range(length):
        live.write([signal("conv.audit.note", id=f"n{number}")])
        live.drain()
        if number % 7 == 0:
            live.mark()
    live.mark()
    journal.append([recorded.signal for recorded in live.log])
    replayer = continued(journal, "c1")
    assert replayer.applied == 0
    assert replayer.states == live.engine.states


def told() -> list[Signal]:
    teller = Storyteller()
    return [each for _ in range(3) for each in teller.turn("c1")]


def with_marker(log: Sequence[Signal], which: int, **changes: Any) -> list[Signal]:
    """`log` with the payload of one of its markers changed; `state` None takes it out."""
    place = [index for index, each in enumerate(log) if each.type == APPLIED][which]
    data = {key: value for key, value in (dict(log[place].data) | changes).items() if value is not None}
    return [*log[:place], changed(log[place], data=data, body=to_body(data)), *log[place + 1 :]]


def resealed(marker: Signal, **changes: Any) -> dict[str, Any]:
    """The payload of `marker` with changes that its seal vouches for."""
    data = {key: value for key, value in (dict(marker.data) | changes).items() if key != SEAL}
    return sealed(data)


def test_a_log_that_keeps_no_states_is_replayed_from_its_beginning(journal: MemoryJournal) -> None:
    log = told()
    for which in range(3):
        log = with_marker(log, which, state=None, seal=None)
    journal.append(log)
    replayer = continued(journal, "c1")
    assert replayer.identical
    assert replayer.applied == sum(each.type != APPLIED for each in log)
    assert replayer.states == replay(journal.read()).states


def test_a_state_that_its_seal_does_not_fit_is_not_used_and_is_found(journal: MemoryJournal) -> None:
    log = told()
    journal.append(with_marker(log, -1, state={**log[-1].data[SNAPSHOT], "flags": ["abort_requested"]}))
    before = [seq for seq, each in enumerate(log, 1) if each.type == APPLIED][-2]
    assert resumed(journal, "c1").last_seq == before
    replayer = continued(journal, "c1")
    [divergence] = replayer.divergences
    assert (divergence.signal_id, divergence.field) == (log[-1].id, SEAL)


WRONG: list[dict[str, Any]] = [
    {"state": {"streams": {"in": 1}, "flags": [], "in_flight": {}}},
    {"state": {"streams": 7, "flags": [], "in_flight": {}}},
    {"state": {}},
    {"state": None},
    {"state": "at rest"},
    {"state_hash": "xyz"},
    {"state_hash": "00"},
    {"applied_count": "many"},
    {"applied_count": 10**6},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_state_that_cannot_be_read_is_not_used(journal: MemoryJournal, change: dict[str, Any]) -> None:
    log = told()
    data = resealed(log[-1], **change)
    journal.append([*log[:-1], changed(log[-1], data=data, body=to_body(data))])
    replayer = continued(journal, "c1")
    assert replayer.applied > 0
    assert replayer.divergences == replay(journal.read()).divergences


@pytest.mark.parametrize(
    "wrong",
    [
        {"streams": {"in": 3, "applied": 0, "effect": 14, "out": 13, "audit": 0}},
        {"flags": ["abort_requested"]},
        {"in_flight": {"llm-generation-m1": "progress"}},
    ],
    ids=str,
)
def test_a_wrong_state_under_a_right_seal_is_found_by_a_replay(wrong: dict[str, Any]) -> None:
    log = told()
    data = resealed(log[-1], state={**log[-1].data[SNAPSHOT], **wrong})
    assert data[SNAPSHOT] != log[-1].data[SNAPSHOT]
    forged = [*log[:-1], changed(log[-1], data=data, body=to_body(data))]
    [divergence] = replay(Recorded(seq, each) for seq, each in enumerate(forged, 1)).divergences
    assert (divergence.signal_id, divergence.field) == (log[-1].id, SNAPSHOT)


def test_a_marker_that_says_that_all_was_applied_while_something_waits_is_found() -> None:
    live = LiveLog()
    live.write([signal("conv.audit.note", id="a"), signal("conv.audit.note", id="b")])
    live.step()
    marker = live.engine.take_marker("c1", at_rest=True)
    assert marker is not None
    live.write([signal(APPLIED, id="a/applied", source="/runtime/reducer", **marker.data)])
    [divergence] = replay(live.log).divergences
    assert (divergence.signal_id, divergence.field) == ("a/applied", SNAPSHOT)
    assert "b" in divergence.replayed


def test_a_marker_that_somebody_else_wrote_is_nobody_to_go_on_from(journal: MemoryJournal) -> None:
    log = told()
    theirs = changed(log[-1], id="theirs", source="/somebody")
    journal.append([*log, signal("conv.audit.note", "c1", id="n"), theirs])
    marker = last_rest(journal, "c1")
    assert marker is not None
    assert marker.signal.id == log[-1].id


def test_a_state_is_kept_only_at_rest() -> None:
    engine = Engine()
    engine.offer(Recorded(1, signal(id="m1")))
    engine.step()
    marker = engine.take_marker("c1")
    assert marker is not None
    assert SNAPSHOT not in marker.data
