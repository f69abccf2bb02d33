"""Real coding agents behind a whole runtime, with the simulator as the service that they call.

Nothing of the machine's own agents is used: home, configuration and working folder are the test's, the key is a dummy,
and the address is the loopback. `.ci/agents` fetches the programs.
"""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
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
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.exchange import Exchange
from jido_nb.simulator.server import Server, serve

LIMIT_S = 120.0
"""Longest wait for anything, in seconds; generous, for machines that do other things as well."""
BODY_LIMIT = 4 * 1024 * 1024
KEY = "canary-of-the-agents"

OTHERS = ("opencode", "gemini")
"""Agents that the gate does without: they start too slowly. Their tests are there where one of them is installed."""
collect_ignore = [] if any(map(shutil.which, OTHERS)) else ["test_other_agents.py"]

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


def opencode(url: str, home: Path) -> dict[str, Any]:
    names = ("m", "shell", "slow", "title")
    service = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": KEY}}
    provider = {"simulator": {**service, "models": {name: {} for name in names}}}
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("DATA", "STATE", "CACHE")}
    # It has a small model think of a title.
    config = {"provider": provider, "small_model": "simulator/title"}
    return {"env": folders, "config": config, "permission_mode": "full"}


def gemini(url: str, home: Path) -> dict[str, Any]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False, "maxAttempts": 1},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    env = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}
    return {"env": env, "permission_mode": "yolo"}


AGENTS: Mapping[str, tuple[str, Row]] = {
    "claude": ("claude", claude),
    "codex": ("codex", codex),
    "codex-app-server": ("codex", codex),
    "opencode": ("opencode", opencode),
    "opencode-acp": ("opencode", opencode),
    "gemini": ("gemini", gemini),
    "gemini-acp": ("gemini", gemini),
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
        provider = "simulator/" if AGENTS[self.agent][0] == "opencode" else ""
        return self.runtime.conversation(name, model=f"harness:{self.agent}:{provider}{model}")

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


SLEEP = "echo began > began.txt; sleep 3601"
"""Not the sleep alone: Claude Code refuses to run that."""


WHOLE = ("codex", "opencode")
"""Agents whose answers come in whole messages."""


async def until_asleep(bench: Bench, turn: Turn) -> None:
    """`SLEEP` is really there, and the agent says so where it tells of a tool before it has ended."""
    if bench.agent != "opencode":
        async for event in turn:
            if event.kind == "tool" and event.data["tool_status"] == "running":
                break
    while "sleep" not in {name_of(process) for process in bench.offspring()}:
        assert not turn.done, turn.text
        await anyio.sleep(0.01)


async def until_streaming(bench: Bench, turn: Turn, model: str) -> None:
    """The model has begun to answer, and where the agent passes pieces on, the first one has come."""
    while not any(one.model == model and one.status for one in bench.asked):
        assert not turn.done, turn.text
        await anyio.sleep(0.01)
    if bench.agent not in WHOLE:
        async for event in turn:
            if event.kind == "delta":
                return


def name_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return str(process.name())
    return "gone"


def said_in(body: Any) -> str:
    """The conversation of a request as one text."""
    return json.dumps(body.get("messages") or body.get("input") or body["contents"], ensure_ascii=False)


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
        path = shutil.which(program)
        home, work = tmp_path / "home", tmp_path / "work"
        home.mkdir()
        work.mkdir()
        with anyio.fail_after(LIMIT_S):
            async with serve(body_limit=BODY_LIMIT) as server:
                settings = {"path": path, "cwd": str(work), **row(server.url, home), **more}
                settings["env"] = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **settings["env"]}
                llm = {"default_backend": "harness", "backends": {"harness": {"agents": {agent: settings}}}}
                known = {"llm": llm, "effects": {"llm": {"backoff_ms": 1, **(effects or {})}}}
                # A machine under load may climb the ladder slowly, and that is no failure of a cancel.
                known["backend_cancel_timeout_ms"] = 60_000
                async with open_runtime(known) as runtime:
                    yield Bench(agent, server, runtime, work, offspring)
                    assert KEY not in str(await runtime.events())
            assert offspring() == []

    return open_bench
