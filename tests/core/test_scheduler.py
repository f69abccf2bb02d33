"""Which signal is applied next: the plain scheduler says it, the ready queue says the same fast."""

import itertools
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jido_nb.core import scheduler
from jido_nb.core.entry import Entry, entry_of
from jido_nb.core.fairness import CLASSES, NO_COUNTS, longest_wait
from jido_nb.core.ready_queue import ReadyQueue
from jido_nb.core.signal import Recorded, Signal
from jido_nb.testing.builders import signal
from jido_nb.testing.strategies import arrivals

PROGRESS, ABORT = "conv.effect.llm.generation.progress", "conv.in.control.abort_requested"


class Plain:
    """The scheduler as a queue, so that both are asked the same way."""

    def __init__(self) -> None:
        self.waiting: list[Entry] = []
        self.counts = NO_COUNTS

    def push(self, entry: Entry) -> None:
        self.waiting.append(entry)

    def pop(self) -> Entry | None:
        picked = scheduler.pick(self.waiting, self.counts)
        if picked is None:
            return None
        entry, self.waiting, self.counts = picked
        return entry


@pytest.fixture(params=[Plain, ReadyQueue], ids=["plain", "fast"])
def queue(request: pytest.FixtureRequest) -> Any:
    return request.param()


def entries(*signals: Signal) -> list[Entry]:
    return [entry_of(Recorded(seq, each)) for seq, each in enumerate(signals, 1)]


def drained(queue: Any) -> list[str]:
    """Ids in the order in which they go."""
    return [entry.recorded.signal.id for entry in iter(queue.pop, None)]


def order(queue: Any, *signals: Signal) -> list[str]:
    for entry in entries(*signals):
        queue.push(entry)
    return drained(queue)


def test_an_empty_queue_has_nothing(queue: Any) -> None:
    assert queue.pop() is None


def test_urgent_first_then_older_first(queue: Any) -> None:
    kinds = {"o": "conv.out.x", "n": "conv.audit.x", "m": "conv.in.message.received", "c": ABORT}
    signals = [signal(kinds[name[0]], id=name) for name in ("o1", "n1", "n2", "m1", "m2", "c1")]
    assert order(queue, *signals) == ["c1", "m1", "m2", "n1", "n2", "o1"]


def test_a_signal_waits_for_its_cause_however_urgent_it_is(queue: Any) -> None:
    first, second = signal("conv.out.x", id="a"), signal("conv.audit.x", id="b", cause_id="a")
    assert order(queue, first, second, signal(ABORT, id="c", cause_id="b")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "cause",
    ["applied-long-ago", "in-another-conversation", "m1/applied", "x1", "written-later"],
    ids=["applied before", "another conversation", "a marker", "itself", "written later"],
)
def test_no_signal_waits_for_what_is_not_waiting_before_it(queue: Any, cause: str) -> None:
    """Rule 4; in the original such a signal waited for ever (W-7)."""
    other = signal("conv.audit.x", "c2", id="in-another-conversation")
    waits = signal("conv.audit.x", id="x1", cause_id=cause)
    assert order(queue, waits, other, signal("conv.audit.x", id="written-later", cause_id="x1"))[0] == "x1"


def test_a_cause_and_an_older_signal_of_the_effect_never_lock_each_other(queue: Any) -> None:
    """Rule 4: the first of two signals of one effect names the second as its cause."""
    first = signal(PROGRESS, id="a", effect_id="e1", cause_id="b")
    assert order(queue, first, signal(PROGRESS, id="b", effect_id="e1")) == ["a", "b"]


@pytest.mark.parametrize("ending", ["completed", "failed", "canceled"])
def test_an_ending_waits_for_what_its_effect_wrote_before(queue: Any, ending: str) -> None:
    """Rule 1; the original applied `completed` before the deltas (W-3)."""
    lifecycle = ["started", "progress", "progress", ending]
    story = [signal(f"conv.effect.llm.generation.{name}", id=f"s{n}") for n, name in enumerate(lifecycle)]
    assert order(queue, *story) == ["s0", "s1", "s2", "s3"]


def test_stories_are_ordered_against_each_other_by_urgency(queue: Any) -> None:
    slow = [signal(PROGRESS, id=f"slow{n}", effect_id="e1") for n in range(2)]
    done = signal("conv.effect.llm.generation.completed", id="done", effect_id="e2")
    assert order(queue, *slow, done) == ["done", "slow0", "slow1"]


def test_the_same_ids_in_two_conversations_are_two_signals(queue: Any) -> None:
    """Rule 1; in the original the second overwrote the first (W-6)."""
    pair = [signal(PROGRESS, subject, id="s1", effect_id="e1") for subject in ("c1", "c2")]
    child = signal(PROGRESS, "c2", id="s2", effect_id="e2", cause_id="s1")
    assert order(queue, *pair, child) == ["s1", "s1", "s2"]


@pytest.mark.parametrize("effect_id", [0, False, 7, 1.5])
def test_an_effect_whose_id_is_no_text_is_a_story_too(queue: Any, effect_id: Any) -> None:
    story = [signal(f"conv.effect.x.y.{name}", id=name, effect_id=effect_id) for name in ("progress", "completed")]
    assert order(queue, *story) == ["progress", "completed"]


def test_an_abort_behind_ten_thousand_deltas_goes_next() -> None:
    """Rule 2; the original applied it last (W-2)."""
    queue = ReadyQueue()
    for seq in range(10_000):
        kind = PROGRESS if seq % 2 else "conv.out.assistant.delta"
        queue.push(entry_of(Recorded(seq, signal(kind, id=f"p{seq}", effect_id=f"e{seq % 7}"))))
        if seq % 13 == 0:
            queue.pop()
    queue.push(entry_of(Recorded(10_000, signal(ABORT, id="stop"))))
    picked = queue.pop()
    assert picked is not None
    assert picked.recorded.signal.id == "stop"


@pytest.mark.parametrize("patient", range(CLASSES))
def test_every_class_gets_its_turn_while_the_others_never_run_dry(patient: int) -> None:
    """Rule 2; W-4."""
    kinds = [ABORT, "conv.in.message.received", "conv.audit.x", "conv.out.x"]
    queue = ReadyQueue()
    seq = 0
    for _ in range(100):
        for kind in kinds:
            seq += 1
            queue.push(entry_of(Recorded(seq, signal(kind, id=f"s{seq}"))))
    went = [entry.priority for entry in (queue.pop() for _ in range(100)) if entry is not None]
    turns = [-1, *(at for at, priority in enumerate(went) if priority == patient)]
    assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= longest_wait()


@given(arrivals())
def test_causes_and_stories_keep_their_order(signals: list[Signal]) -> None:
    """Rule 1."""
    queue = ReadyQueue()
    for entry in entries(*signals):
        queue.push(entry)
    went = list(iter(queue.pop, None))
    assert sorted(entry.seq for entry in went) == list(range(1, len(signals) + 1))
    place = {entry.key: at for at, entry in enumerate(went)}
    for at, entry in enumerate(went):
        assert entry.cause is None or place[entry.cause] < at
        rest = (other for other in went[at:] if other.story == entry.story)
        assert entry.story is None or all(other.seq >= entry.seq for other in rest)


class SameAnswers(RuleBasedStateMachine):
    """Whatever is pushed and popped in whatever order, the ready queue answers as the plain scheduler does."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.fast = Plain(), ReadyQueue()
        self.pushed: list[Entry] = []
        self.free = list(range(400))

    @rule(data=st.data(), priority=st.integers(0, CLASSES - 1), subject=st.sampled_from("ab"))
    def push(self, data: st.DataObject, priority: int, subject: str) -> None:
        # Mostly the next seq, at times one far ahead, so that older signals may arrive after younger ones.
        seq = self.free.pop(data.draw(st.sampled_from([0, 0, 0, 5]), label="gap"))
        cause = data.draw(st.none() | st.integers(max(0, seq - 6), seq + 3), label="cause")
        story = data.draw(st.none() | st.sampled_from("xy"), label="story")
        recorded = Recorded(seq, signal("conv.audit.x", subject, id=str(seq)))
        entry = Entry(
            seq=seq,
            priority=priority,
            key=(subject, str(seq)),
            cause=None if cause is None else (subject, str(cause)),
            story=None if story is None else (subject, story),
            recorded=recorded,
        )
        self.plain.push(entry)
        self.fast.push(entry)

    @precondition(lambda self: self.plain.waiting)
    @rule(count=st.integers(1, 12))
    def pop(self, count: int) -> None:
        for _ in range(count):
            assert self.fast.pop() == self.plain.pop()

    @invariant()
    def as_many_wait(self) -> None:
        assert len(self.fast) == len(self.plain.waiting)
        assert all(entry.key in self.fast for entry in self.plain.waiting)

    def teardown(self) -> None:
        while self.plain.waiting:
            expected = self.plain.pop()
            assert expected is not None, "the oldest signal can always go"
            assert self.fast.pop() == expected
        assert self.fast.pop() is None


TestSameAnswers = SameAnswers.TestCase
TestSameAnswers.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)


@given(arrivals(), st.data())
def test_fast_and_plain_agree_on_real_stories(signals: list[Signal], data: st.DataObject) -> None:
    plain, fast = Plain(), ReadyQueue()
    for entry in entries(*signals):
        plain.push(entry)
        fast.push(entry)
        for _ in range(data.draw(st.integers(0, 2))):
            assert fast.pop() == plain.pop()
    assert drained(fast) == drained(plain)


def calls_per_pick(count: int) -> float:
    """How many functions a pick enters, on average, while `count` signals of several stories wait."""
    queue = ReadyQueue()
    for seq in range(count):
        kind = ("conv.audit.x", PROGRESS, "conv.out.x", "conv.in.message.x")[seq % 4]
        cause = f"s{seq - 9}" if seq % 3 == 0 and seq > 9 else None
        queue.push(entry_of(Recorded(seq, signal(kind, id=f"s{seq}", effect_id=f"e{seq % 50}", cause_id=cause))))
    calls = 0

    def count_calls(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    picks = count // 2
    before = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        for _ in range(picks):
            queue.pop()
    finally:
        sys.setprofile(before)
    return calls / picks


def test_the_cost_of_a_pick_hardly_depends_on_how_much_waits() -> None:
    """The original scanned, sorted and copied the whole queue for every pick (W-34)."""
    assert calls_per_pick(8000) < 1.5 * calls_per_pick(500)
