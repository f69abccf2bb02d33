"""Runtimes over real journals, answered by scripts or by the real simulator."""

import sys
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from jido_nb.core.catalogue import TERMINAL_LIFECYCLES
from jido_nb.core.projections.metrics import Metrics
from jido_nb.core.reducer import effect_id_of
from jido_nb.core.replay import replay
from jido_nb.llm.settings import Settings
from jido_nb.testing.crash_nursery import open_nursery
from jido_nb.testing.scripted_backend import Complete, Delta, ScriptedBackend, Started

from ..journal.postgres_server import postgres_server


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    """What `open_runtime` is given as its journal."""
    return None if request.param == "memory" else tmp_path / "runs.sqlite"


@pytest.fixture
def scripted(monkeypatch):
    """scripted(*scripts, **settings): settings whose only backend plays the scripts; scripted.backend is that backend.

    Each script answers one request; the last one answers all that follow. A backend may be given in their place.
    """

    def make(*scripts, **settings):
        given = scripts[0] if scripts and isinstance(scripts[0], ScriptedBackend) else None
        make.backend = given or ScriptedBackend(scripts or [[Started(), Delta("hello"), Complete()]])

        @asynccontextmanager
        async def opener(_):
            make.opened += 1
            try:
                yield make.backend
            finally:
                make.closed += 1

        make.opened = make.closed = 0
        monkeypatch.setitem(sys.modules, "backend_under_test", SimpleNamespace(opener=opener))
        llm = {
            "default_backend": "scripted",
            "default_provider": "acme",
            "default_model": "m",
            "backends": {"scripted": {"module": "backend_under_test:opener"}},
        }
        return Settings.model_validate({"llm": llm, **settings})

    return make


def check_log(log):
    """What holds of every log at rest: it replays, all of it was applied, each effect ended exactly once."""
    replayer = replay(log)
    assert replayer.divergences == []
    assert replayer.unapplied == []
    asked = {(r.signal.subject, effect_id) for r in log if (effect_id := effect_id_of(r.signal))}
    ended = Counter(
        (r.signal.subject, r.signal.data["effect_id"])
        for r in log
        if r.signal.type.startswith("conv.effect.") and r.signal.data["lifecycle"] in TERMINAL_LIFECYCLES
    )
    assert ended == dict.fromkeys(asked, 1)
    assert all(not state.in_flight for state in replayer.states.values())
    assert [r.seq for r in log] == list(range(1, len(log) + 1))
    return replayer


def numbers_of(log):
    metrics = Metrics()
    for recorded in log:
        metrics.apply(recorded.signal)
    return metrics.snapshot()


@pytest.fixture
def at_rest():
    """await at_rest(runtime): everything that must hold when a runtime has come to rest; gives the log."""

    async def check(runtime):
        await runtime.idle()
        log = await runtime.events()
        check_log(log)
        health = runtime.health()
        assert (health.problems, health.waiting, health.in_flight, health.queued) == ((), 0, 0, 0)
        assert runtime.telemetry() == numbers_of(log)
        return log

    return check


@pytest.fixture
def log_check():
    return check_log


@pytest.fixture(scope="module")
def server():
    """The URL of a PostgreSQL server of our own."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="module")
def nursery():
    with open_nursery() as opened:
        yield opened
