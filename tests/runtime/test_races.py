"""Ten thousand schedules: whatever races with whatever, an effect ends once, and nothing is left of it.

Each schedule is an effect, or a whole runtime, on a loop whose order and time are drawn, so that each can be run again
(`jido_nb.testing.chosen_loop`). Times are few and round on purpose: most races are at the same instant.
"""

import asyncio
import os
import sys
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido_nb.core.catalogue import TERMINAL_LIFECYCLES
from jido_nb.core.replay import replay
from jido_nb.errors import ClosedError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.llm.error import LLMError
from jido_nb.llm.settings import Settings
from jido_nb.runtime.effect_job import CancelRequest
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.chosen_loop import LoopClock, run_chosen
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, ScriptedBackend, Started, Wait
from jido_nb.testing.scripted_effect import ScriptedEffect

SCHEDULES, WHOLE = 8_000, 2_000
"""Of an effect alone, and of a whole runtime."""

BUSY = Fail(LLMError("provider", "busy"))
ANSWERS = [Started("ref"), Delta("a"), Pause(2), Delta("b"), Complete()]
AGAINST = {
    "completion": [ANSWERS],
    "failure": [[Started("ref"), Delta("a"), Pause(2), Fail(LLMError("auth", "no"))]],
    "timeout": [[Started("ref"), Delta("a"), Wait()]],
    "retry wait": [[Started("ref"), Delta("a"), Pause(1), BUSY], [Started(None), BUSY], ANSWERS],
    "a stream cut off": [[Started(None), Delta("a"), Pause(2)], ANSWERS],
}
"""What the cancels race with, and what the backend does meanwhile. Attempts time out after 3 ms."""

CONFIG = Settings.model_validate(
    {
        "llm": {
            "default_backend": "scripted",
            "default_model": "m",
            "backends": {"scripted": {"module": "racing:opener"}},
        },
        "effects": {"llm": {"max_attempts": 3, "backoff_ms": 1, "jitter": 0.0, "join_ms": 1, "timeout_ms": 3}},
        "backend_cancel_timeout_ms": 2,
        "runtime_partitions": 1,
    }
)

MOMENTS = st.sampled_from([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8])
"""In milliseconds after the message was sent."""
ACTS = st.lists(st.tuples(MOMENTS, st.sampled_from(["cancel", "cancel", "abort", "send"])), min_size=1, max_size=4)
CLOSES = st.none() | MOMENTS
OBEYS = st.sampled_from([[], [Pause(1)], [Pause(5)], [Fail(LLMError("transport", "gone"))]])
"""How the backend takes it when it is told of a cancel."""


async def race(backend, acts, closes):
    """One schedule. What each cancel said, the turns, and the log."""
    journal, turns, said = MemoryJournal(), [], []

    async def act(at_ms, what):
        await anyio.sleep(at_ms / 1000)
        try:
            if what == "cancel":
                said.append(await turns[0].cancel())
            elif what == "abort":
                await chat.abort()
            else:
                turns.append(await chat.send("more"))
        except ClosedError:
            assert closes is not None

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:  # noqa: SIM117 - the acts outlive the runtime
            async with open_runtime(CONFIG, journal, clock=LoopClock()) as runtime:
                chat = runtime.conversation("c")
                turns.append(await chat.send("hi", message_id="m"))
                for each in acts:
                    tasks.start_soon(act, *each)
                if closes is None:
                    await anyio.sleep(0.05)
                    await runtime.idle()
                else:
                    await anyio.sleep(closes / 1000)
        for turn in turns:
            await turn.wait()
    assert len(asyncio.all_tasks()) == 1
    return said, turns, list(journal.read())


def hold_to_it(backend, said, turns, log):
    lifecycles = {}
    for recorded in log:
        data = recorded.signal.data
        if recorded.signal.type.startswith("conv.effect."):
            lifecycles.setdefault(data["effect_id"], []).append(data["lifecycle"])
    asked = [f"llm-generation-{r.signal.id}" for r in log if r.signal.type == "conv.in.message.received"]
    assert sorted(lifecycles) == sorted(asked)
    for lifecycle in lifecycles.values():
        ends = [place for place, name in enumerate(lifecycle) if name in TERMINAL_LIFECYCLES]
        assert ends == [len(lifecycle) - 1], lifecycle
    for turn in turns:
        assert turn.done
        assert [turn.status] == lifecycles[turn.effect_id][-1:]
    assert said.count(True) <= 1
    assert turns[0].status == "canceled" or True not in said
    assert len(backend.closed) == len(backend.requests)
    replayer = replay(log)
    assert (replayer.divergences, replayer.unapplied) == ([], [])


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


def left_open():
    process = psutil.Process(os.getpid())
    return process.num_fds(), process.children(), set(threading.enumerate())


@pytest.mark.parametrize("against", AGAINST)
def test_a_cancel_against_anything_gives_exactly_one_ending(against, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # settings are looked for in every folder upwards, ten thousand times
    backends = []

    @asynccontextmanager
    async def opener(_):
        yield backends[-1]

    monkeypatch.setitem(sys.modules, "racing", SimpleNamespace(opener=opener))
    before = None

    # The same schedules each time, so that a commit is not blamed for what another run drew.
    @settings(max_examples=WHOLE // len(AGAINST), deadline=None, derandomize=True)
    @given(ACTS, CLOSES, OBEYS, st.integers(0, 2**32 - 1))
    def check(acts, closes, obeys, seed):
        nonlocal before
        backend = ScriptedBackend(AGAINST[against], on_cancel=obeys, clock=LoopClock())
        backends[:] = [backend]
        hold_to_it(backend, *run_chosen(race, backend, acts, closes, seed=seed))
        before = before or left_open()

    check()
    assert left_open() == before


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
