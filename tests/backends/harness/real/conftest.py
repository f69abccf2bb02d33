"""Real coding agents behind a whole runtime, with the simulator as the service that they call.

Nothing of the machine's own agents is used: home, configuration and working folder are the test's, the key is a dummy,
and the address is the loopback. `.ci/agents` fetches the programs.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from jido_nb.core.signal import Signal
from jido_nb.runtime.conversation import Conversation
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.simulator.exchange import Exchange
from jido_nb.simulator.server import Server, serve

LIMIT_S = 60.0
"""Longest wait for anything, in seconds; generous, for machines that do other things as well."""
BODY_LIMIT = 4 * 1024 * 1024
KEY = "canary-of-the-agents"

Row = Callable[[str, Path], dict[str, Any]]


def claude(url: str, home: Path) -> dict[str, Any]:
    env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "CLAUDE_CONFIG_DIR": str(home / "claude")}
    effect = {"ANTHROPIC_CUSTOM_HEADERS": "x-jido-effect: the-only-one"}
    return {"env": env | effect, "allowed_tools": ["Bash"]}


def codex(url: str, home: Path) -> dict[str, Any]:
    (home / "codex").mkdir()
    header = 'model_providers.jido_nb.http_headers={"x-jido-effect"="the-only-one"}'
    return {
        "env": {"CODEX_HOME": str(home / "codex"), "SIMULATOR_KEY": KEY},
        "base_url": f"{url}/v1",
        "api_key_env": "SIMULATOR_KEY",
        # No sandbox: the commands are ours, and a container may not be able to make one.
        "permission_mode": "danger-full-access",
        "args": ["-c", header],
    }


AGENTS: Mapping[str, tuple[str, Row]] = {
    "claude": ("claude", claude),
    "codex": ("codex", codex),
    "codex-app-server": ("codex", codex),
}
"""Agent: its program, and its settings for the simulator at an address with a home of the test's own."""


@dataclass
class Bench:
    """One agent in front of one simulator."""

    agent: str
    server: Server
    runtime: Runtime
    work: Path
    """The folder that the agent works in."""
    offspring: Callable[[], list[psutil.Process]]

    def chat(self, model: str, name: str = "c") -> Conversation:
        """A conversation with the agent, whose model is one of the simulator's."""
        return self.runtime.conversation(name, model=f"harness:{self.agent}:{model}")

    async def log(self) -> list[Signal]:
        """The lifecycle of the effects so far."""
        return [recorded.signal for recorded in await self.runtime.events("conv.effect.**")]

    @property
    def asked(self) -> list[Exchange]:
        """What the agent asked its model so far."""
        return list(self.server.requests)

    async def left_in_peace(self) -> None:
        """Wait until every connection to the simulator has ended, and look for processes that are still there."""
        for exchange in self.asked:
            await exchange.closed.wait()
        assert self.offspring() == []


Open = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def anyio_backend() -> str:
    """One event loop is enough here: the stand-in runs everything below the agents on both."""
    return "asyncio"


@pytest.fixture
def bench(tmp_path: Path, offspring: Callable[[], list[psutil.Process]]) -> Open:
    """bench("claude", max_retries=0, effects={"max_attempts": 1}) -> a `Bench`; what else is named is the agent's."""

    @asynccontextmanager
    async def open_bench(agent: str, *, effects: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[Bench]:
        program, row = AGENTS[agent]
        home, work = tmp_path / "home", tmp_path / "work"
        home.mkdir()
        work.mkdir()
        with anyio.fail_after(LIMIT_S):
            async with serve(body_limit=BODY_LIMIT) as server:
                settings = {"path": shutil.which(program), "cwd": str(work), **row(server.url, home), **more}
                settings["env"] = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **settings["env"]}
                llm = {"default_backend": "harness", "backends": {"harness": {"agents": {agent: settings}}}}
                llm_effects = {"backoff_ms": 1, **(effects or {})}
                async with open_runtime({"llm": llm, "effects": {"llm": llm_effects}}) as runtime:
                    yield Bench(agent, server, runtime, work, offspring)
            assert offspring() == []

    return open_bench
