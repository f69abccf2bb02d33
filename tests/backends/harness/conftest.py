"""A harness whose agents are the stand-in CLI, requests for it, and a look at which processes live."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psutil
import pytest

from jido_nb.backends.harness.agent import Run, SessionPlan
from jido_nb.backends.harness.backend import Harness, open_harness
from jido_nb.backends.harness.process import Grace, new_marker
from jido_nb.backends.harness.settings import AgentSettings
from jido_nb.backends.harness.watchdog import MARKER
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings

# Rungs that an agent obeys are patient, so that a loaded machine takes the same ones; those that it ignores are short.
PATIENT = Grace(interrupt_s=5, sigint_s=10, sigterm_s=10, sigkill_s=10)


@pytest.fixture
def ask() -> Callable[..., LLMRequest]:
    """ask("simulated:story", text="hi", options={...}) -> a request."""

    def make(
        model: str | None, text: str = "hi", *, conversation: str = "c", attempt: int = 1, **more: Any
    ) -> LLMRequest:
        return LLMRequest.model_validate(
            {
                "request_id": f"e:{attempt}",
                "conversation_id": conversation,
                "backend": "harness",
                "messages": [{"role": "user", "content": text}],
                "model": model,
                "metadata": {"effect_id": "e", "attempt": attempt},
                **more,
            }
        )

    return make


@pytest.fixture
def run_of(ask: Callable[..., LLMRequest]) -> Callable[..., Run]:
    """run_of("claude", model=..., settings={...}, session=SessionPlan(...)) -> what an agent is given."""

    def make(agent: str, *, settings: dict[str, Any] | None = None, **more: Any) -> Run:
        known = {"prompt": "hi", "session": SessionPlan("s-1"), "execution_ref": "harness-1", **more}
        return Run(agent, ask(None), AgentSettings.model_validate(settings or {}), **known)

    return make


@pytest.fixture
def harness() -> Callable[..., AbstractAsyncContextManager[Harness]]:
    """harness(agents={...}, environ={...}) -> an open harness."""

    @asynccontextmanager
    async def open_with(
        agents: dict[str, Any] | None = None,
        environ: dict[str, str] | None = None,
        grace: Grace = PATIENT,
        options: dict[str, Any] | None = None,
    ) -> AsyncIterator[Harness]:
        table = {"agents": agents or {}, "options": options or {}}
        settings = Settings.model_validate({"llm": {"backends": {"harness": table}}})
        async with open_harness(settings, environ, grace=grace) as backend:
            assert isinstance(backend, Harness)
            yield backend

    return open_with


@pytest.fixture
def offspring(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[psutil.Process]]:
    """The living processes of the runs of this test, those that lost their parents included, watchdogs not.

    They are known by the marker of a run that stands for the test: its runs are inside of it.
    """
    marker = new_marker()
    monkeypatch.setenv(MARKER, marker)

    def look() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                theirs = process.pid != os.getpid() and marker in process.environ().get(MARKER, "").split(",")[:-1]
                if theirs and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    return look
