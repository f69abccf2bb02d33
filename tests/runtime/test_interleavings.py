"""Whatever happens in whatever order: every effect ends once, the log replays, and nothing is left running."""

import sys
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido_nb.core.catalogue import TERMINAL_LIFECYCLES
from jido_nb.core.replay import replay
from jido_nb.journal.memory import MemoryJournal
from jido_nb.llm.error import LLMError
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, Pause, ScriptedBackend, Started, Wait

BUSY, REFUSED = Fail(LLMError("provider", "busy")), Fail(LLMError("auth", "no"))
STEPS = st.sampled_from(
    [Delta("a"), Delta("\n"), Pause(1), BUSY, REFUSED, Fail(ValueError("oops")), Complete(), Wait()]
)
SCRIPTS = st.lists(
    st.lists(STEPS, max_size=5).map(lambda steps: [Started(), *steps, Complete()]), min_size=1, max_size=4
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("ab"), st.sampled_from([None, "m1", "m2"])),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.none()),
        st.tuples(st.just("abort"), st.sampled_from("ab"), st.none()),
        st.tuples(st.just("tick"), st.sampled_from("ab"), st.integers(0, 2)),
        st.tuples(st.just("breathe"), st.integers(1, 30), st.none()),
    ),
    min_size=1,
    max_size=10,
)


async def live(scripts, acts, together, opener):
    backend = ScriptedBackend(scripts)
    opener(backend)
    llm = {"default_backend": "scripted", "default_model": "m", "backends": {"scripted": {"module": "chaos:opener"}}}
    policy = {"max_attempts": 3, "backoff_ms": 1, "join_ms": 1}
    config = Settings.model_validate({"llm": llm, "effects": {"llm": policy}})
    turns = []

    async def act(what, where, more):
        match what:
            case "send":
                turns.append(await runtime.conversation(where).send("hi", message_id=more))
            case "cancel":
                if where < len(turns):
                    await turns[where].cancel()
            case "abort":
                await runtime.conversation(where).abort()
            case "tick":
                await runtime.ingest_tick(where, runtime.new_id(), {"wait_ms": more})
            case "breathe":
                for _ in range(where):
                    await anyio.lowlevel.checkpoint()

    journal = MemoryJournal()
    with anyio.fail_after(20):
        async with open_runtime(config, journal) as runtime, anyio.create_task_group() as tasks:
            for each in acts:
                if together:
                    tasks.start_soon(act, *each)
                else:
                    await act(*each)
        for turn in turns:
            assert turn.view.done
            assert turn.done
        assert len(backend.closed) == len(backend.requests)
    return list(journal.read())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_any_interleaving_ends_each_effect_once_and_replays(backend, monkeypatch):
    def opener(scripted):
        @asynccontextmanager
        async def opened(_):
            yield scripted

        monkeypatch.setitem(sys.modules, "chaos", SimpleNamespace(opener=opened))

    @settings(max_examples=60, deadline=None)
    @given(SCRIPTS, ACTS, st.booleans())
    def check(scripts, acts, together):
        log = anyio.run(live, scripts, acts, together, opener, backend=backend)
        replayer = replay(log)
        assert (replayer.divergences, replayer.unapplied) == ([], [])
        asked = {
            (r.signal.subject, r.signal.id)
            for r in log
            if r.signal.type in ("conv.in.message.received", "conv.in.timer.tick")
        }
        ended = Counter(
            (r.signal.subject, r.signal.data["effect_id"].removeprefix("llm-generation-").removeprefix("timer-wait-"))
            for r in log
            if r.signal.type.startswith("conv.effect.") and r.signal.data["lifecycle"] in TERMINAL_LIFECYCLES
        )
        assert ended == dict.fromkeys(asked, 1)

    check()
