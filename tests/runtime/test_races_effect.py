"""Eight thousand schedules of an effect alone: whatever it races with, it ends once, and nothing is left of it."""

import asyncio

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.testing.chosen_loop import LoopClock, run_chosen
from jido_nb.testing.scripted_effect import ScriptedEffect

from .racing import ACTS, AGAINST, CLOSES, OBEYS

SCHEDULES = 8_000

POLICY = {"max_attempts": 3, "backoff_ms": 1, "join_ms": 1, "timeout_ms": 3}


async def race_alone(effect, acts, closes):
    """One schedule of one effect. What each cancel said."""
    said = []

    async def act(at_ms):
        await anyio.sleep(at_ms / 1000)
        said.append(effect.worker.cancel(CancelRequest("enough", cause_id="wish")))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(effect.worker.run)
            for at_ms, _ in acts:
                tasks.start_soon(act, at_ms)
            if closes is not None:
                await anyio.sleep(closes / 1000)
                tasks.cancel_scope.cancel()
    assert len(asyncio.all_tasks()) == 1
    return said


@pytest.mark.parametrize("against", AGAINST)
def test_an_effect_ends_once_whatever_it_races_with(against):
    @settings(max_examples=SCHEDULES // len(AGAINST), deadline=None, derandomize=True)
    @given(ACTS, CLOSES, OBEYS, st.integers(0, 2**32 - 1))
    def check(acts, closes, obeys, seed):
        async def live():
            effect = ScriptedEffect(
                *AGAINST[against], policy=POLICY, on_cancel=obeys, cancel_limit_s=0.002, clock=LoopClock()
            )
            return effect, await race_alone(effect, acts, closes)

        effect, said = run_chosen(live, seed=seed)
        (ending,) = effect.outbox.terminals
        assert effect.outbox.puts[-1] is ending
        assert ending.lifecycle == effect.worker.ending
        assert said.count(True) <= 1
        if True in said:
            assert (ending.lifecycle, ending.data["reason"], ending.cause_id) == ("canceled", "enough", "wish")
        elif closes is None:
            assert ending.lifecycle != "canceled"
        assert effect.outbox.durable == len(effect.outbox.puts)
        assert len(effect.backend.closed) == len(effect.backend.requests)

    check()


def test_the_same_seed_takes_the_same_course():
    async def course():
        told = []

        async def tell(name):
            for step in range(5):
                told.append((name, step, anyio.current_time()))
                await anyio.sleep(step % 2)

        async with anyio.create_task_group() as tasks:
            for name in "abcd":
                tasks.start_soon(tell, name)
        return told

    courses = [run_chosen(course, seed=seed) for seed in (1, 1, 2, 3)]
    assert courses[0] == courses[1]
    assert len({tuple(each) for each in courses}) == 3
    for told in courses:
        assert sorted(told) == sorted(courses[0])
