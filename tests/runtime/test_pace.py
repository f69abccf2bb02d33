"""Streams are followed chunk by chunk while the loop has time, and in gulps while it has none."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.runtime.pace import FEWEST, LONGEST_REST_S, LOOK_EVERY_S, Pace
from jido_nb.testing.manual_clock import ManualClock
from jido_nb.testing.scripted_backend import Complete, Delta, Pause, Started, Until, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

MANY = FEWEST


class Moment:
    """A clock that a plain function can move."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    async def sleep(self, seconds):
        self.at += seconds


def look(pace, clock, timers, late_s):
    """Let so many timers ring, so late, until the pace looks; what it makes of them."""
    for _ in range(timers - 1):
        pace.rang(late_s)
    clock.at += 2 * LOOK_EVERY_S
    pace.rang(late_s)
    return round(1000 * pace.rest_s)


@pytest.mark.parametrize(
    ("looks", "rests_ms"),
    [
        pytest.param([(MANY, 0.001)] * 3, [0, 0, 0], id="on time"),
        pytest.param([(MANY, 0.02)] * 5, [30, 60, 120, 240, 250], id="late"),
        pytest.param([(MANY - 1, 9.0)] * 3, [0, 0, 0], id="few say nothing"),
        pytest.param([(MANY, 0.02)] * 2 + [(MANY, 0)] * 8, [30, 60, 54, 49, 44, 39, 35, 32, 29, 0], id="on time again"),
        pytest.param([(MANY, 0.02)] * 2 + [(1, 0.02)] * 2, [30, 60, 54, 49], id="few again"),
    ],
)  # fmt: skip
def test_rests_grow_while_timers_ring_late_and_melt_when_they_do_not(looks, rests_ms):
    clock = Moment()
    pace = Pace(clock)
    assert [look(pace, clock, *each) for each in looks] == rests_ms


@given(st.lists(st.tuples(st.integers(1, 3 * MANY), st.floats(-1, 1e6)), max_size=40))
def test_whatever_the_clock_does_a_rest_has_its_bounds_and_an_end(looks):
    clock = Moment()
    pace = Pace(clock)
    for each in looks:
        look(pace, clock, *each)
        assert 0 <= pace.rest_s <= LONGEST_REST_S
    for _ in range(40):
        look(pace, clock, MANY, 0.0)
    assert pace.rest_s == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("waited_s", "idle_ms", "rested_s"),
    [(0.0, None, 0), (0.0005, None, 0), (0.002, None, 0.2), (5, None, 0.2), (5, 400, 0.1), (5, 60_000, 0.2)],
)
async def test_only_who_had_to_wait_rests_and_never_so_long_that_it_looks_like_silence(waited_s, idle_ms, rested_s):
    clock = Moment()
    pace = Pace(clock)
    pace.rest_s, clock.at = 0.2, 10 + waited_s
    asked_at = await pace.rest(10.0, idle_ms)
    assert asked_at == clock.at == pytest.approx(10 + waited_s + rested_s)


WORDS = [f"w{number} " for number in range(40)]
PACED = [
    Started(),
    *(step for number, word in enumerate(WORDS, 1) for step in (Until(20 * number), Delta(word))),
    Complete(),
]


@pytest.mark.anyio
@pytest.mark.parametrize("join_ms", [0, 30])
async def test_a_stream_that_rests_loses_nothing_and_writes_less(join_ms):
    told = {}
    for rest_s in (0.0, LONGEST_REST_S):
        effect = ScriptedEffect(PACED, policy={"join_ms": join_ms}, rest_s=rest_s)
        outbox = await effect.run()
        assert outbox.text(1) == effect.ending["result"]["text"] == "".join(WORDS)
        deltas = [put.data for put in outbox.puts if put.lifecycle == "progress"]
        assert [chars for data in deltas for _, chars in data["chunks"]] == [len(word) for word in WORDS]
        told[rest_s] = len(deltas)
    if join_ms:
        assert told[LONGEST_REST_S] < told[0.0] / 2
    else:
        assert told[LONGEST_REST_S] == told[0.0] == len(WORDS)


@pytest.mark.anyio
async def test_the_first_piece_goes_out_before_any_rest():
    effect = ScriptedEffect([Started(), Pause(7), Delta("first"), Pause(7), Delta(" second"), Complete()], rest_s=0.2)
    outbox = await effect.run()
    first = next(put.data for put in outbox.puts if put.lifecycle == "progress")
    assert first["chunks"] == [[7, 5]]


@pytest.mark.anyio
async def test_a_cancel_does_not_wait_for_a_rest_to_end():
    clock = ManualClock()
    effect = ScriptedEffect([Started(), Pause(5), Delta("text"), Wait()], rest_s=LONGEST_REST_S, clock=clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(effect.worker.run)
        await clock.advance(0.1)
        assert effect.worker.cancel(CancelRequest("user_cancel"))
        with anyio.fail_after(5):
            await effect.worker.done.wait()
    assert effect.outbox.terminal.lifecycle == "canceled"
    assert clock.now() < LONGEST_REST_S
