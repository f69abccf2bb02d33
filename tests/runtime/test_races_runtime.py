"""Two thousand schedules of a whole runtime: whatever races with whatever, an effect ends once, and nothing is left."""

import asyncio
import os
import sys
import threading
from collections import Counter
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
from jido_nb.journal.commit_points import watching
from jido_nb.journal.memory import MemoryJournal
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.chosen_loop import LoopClock, run_chosen
from jido_nb.testing.scripted_backend import ScriptedBackend

from .racing import ACTS, AGAINST, CLOSES, OBEYS

SCHEDULES = 2_000

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


def hold_to_it(backend, accepted, said, turns, log):
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
    # Whoever asks cannot tell a cancel that was accepted and lost from one that came too late. The worker can.
    assert [lifecycle[-1] for lifecycle in lifecycles.values()].count("canceled") == accepted
    assert said.count(True) <= 1
    assert turns[0].status == "canceled" or True not in said
    assert len(backend.closed) == len(backend.requests)
    replayer = replay(log)
    assert (replayer.divergences, replayer.unapplied) == ([], [])


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
    @settings(max_examples=SCHEDULES // len(AGAINST), deadline=None, derandomize=True)
    @given(ACTS, CLOSES, OBEYS, st.integers(0, 2**32 - 1))
    def check(acts, closes, obeys, seed):
        nonlocal before
        backend = ScriptedBackend(AGAINST[against], on_cancel=obeys, clock=LoopClock())
        backends[:] = [backend]
        passed = Counter()
        with watching(lambda point: passed.update([point])):
            raced = run_chosen(race, backend, acts, closes, seed=seed)
        hold_to_it(backend, passed["effect.canceled"], *raced)
        before = before or left_open()

    check()
    assert left_open() == before
