"""The table of faults, held against every provider, over real sockets, through the whole runtime.

One runtime and one simulator serve all rows of a provider, so that a thousand cases cost a thousand messages.
"""

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import anyio
import pytest

from jido_nb.llm.error import CATEGORIES
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.runtime.turn import Turn
from jido_nb.simulator.scenario import Scenario
from jido_nb.simulator.server import Server, serve
from jido_nb.testing.retry_bench import hold
from jido_nb.testing.retry_matrix import NO_KEY, ROWS
from jido_nb.testing.retry_row import MODES, PIECES, POLICY, BackendName, Mode, Row

pytestmark = pytest.mark.anyio

PATHS: Mapping[str, str] = {"simulated": "", "anthropic": "", "openai": "/v1"}
"""Kind of a provider: the path of its API below the simulator's address."""
KEY_VARIABLE = "RETRY_MATRIX_API_KEY"
LIMIT_S = 20


def unheard(port: int = 0) -> socket.socket:
    """A port of the loopback that is ours and where nobody listens: connections to it are refused."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    return held


class Bench:
    """A runtime whose providers speak to a simulator, to nobody, and in TLS to a server that has none."""

    backend: BackendName = "jido_ai"
    policy = POLICY

    def __init__(self, kind: str, server: Server, runtime: Runtime, refused: socket.socket) -> None:
        self.runtime = runtime
        self._kind = kind
        self._server = server
        self._refused = refused
        self._asked = 0
        self._elsewhere = 0

    @property
    def requests(self) -> int:
        """How many requests have reached any server."""
        return int(self._server.statistics()["requests"]) + self._elsewhere

    async def play(self, row: Row, mode: Mode, *, recovers: bool) -> Turn:
        """Play a row to its end."""
        self._asked += 1
        name = f"row-{self._asked}"  # providers that send no effect header have their attempts told apart by the body
        scenario = row.scenario(recovers=recovers)
        if scenario is not None:
            self._server.add(name, scenario)
        provider = self._kind if row.address == "simulator" else f"{self._kind}_{row.address}"
        asked: dict[str, Any] = {"model": f"{provider}:{name}", **row.asked}
        with anyio.fail_after(LIMIT_S):
            chat = self.runtime.conversation(name)
            turn = await chat.send("hi", stream=mode == "stream", effect_policy={**POLICY, **row.policy}, **asked)
            if row.address == "refused" and recovers:
                await self._listen_after_a_failure(turn, name)
            await turn.wait()
            await self.runtime.idle()
        return turn

    async def _listen_after_a_failure(self, turn: Turn, name: str) -> None:
        async for event in turn:
            if event.kind == "retrying":
                break
        host, port = self._refused.getsockname()
        self._refused.close()
        async with serve(host, port) as server:
            server.add(name, Scenario.text(PIECES))
            await turn.wait()
            self._elsewhere += server.statistics()["requests"]
        self._refused = unheard(port)

    def close(self) -> None:
        self._refused.close()


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=PATHS)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "not-a-key")
        patch.delenv(NO_KEY, raising=False)
        yield str(request.param)


@pytest.fixture(scope="module")
async def bench(kind: str, anyio_backend: str) -> AsyncIterator[Bench]:
    refused = unheard()
    async with serve() as server:
        addresses = {
            "": server.url,
            "_refused": f"http://127.0.0.1:{refused.getsockname()[1]}",
            # Reserved for names that never exist (RFC 6761), so a resolver says so at once, also one without a network.
            "_unknown_host": "http://no-such-host.invalid",
            "_tls": server.url.replace("http:", "https:"),
            "_keyless": server.url,
        }
        providers = {
            f"{kind}{name}": {
                "kind": kind,
                "base_url": url + PATHS[kind],
                "api_key_env": NO_KEY if name == "_keyless" else KEY_VARIABLE,
            }
            for name, url in addresses.items()
        }
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": providers}}}})
        async with open_runtime(settings) as runtime:
            bench = Bench(kind, server, runtime, refused)
            try:
                yield bench
            finally:
                bench.close()


ALL = [
    pytest.param(row, mode, recovers, id=f"{row.name}-{mode}-{'recovers' if recovers else 'stays'}")
    for row in ROWS
    if "jido_ai" in row.backends
    for mode in row.modes
    for recovers in (True, False)
    if row.can_recover or not recovers
]
KEYLESS = [case for case in ALL if case.values[0].address == "keyless"]
CASES = [case for case in ALL if case not in KEYLESS]


@pytest.mark.parametrize(("row", "mode", "recovers"), CASES)
async def test_a_fault_has_the_effects_that_the_table_says(row: Row, mode: Mode, recovers: bool, bench: Bench) -> None:
    await hold(bench, row, mode, recovers=recovers)


@pytest.mark.parametrize(("row", "mode", "recovers"), KEYLESS)
@pytest.mark.parametrize("kind", [kind for kind in PATHS if kind != "simulated"], indirect=True, scope="module")
async def test_without_a_key_nothing_is_asked(row: Row, mode: Mode, recovers: bool, bench: Bench) -> None:
    await hold(bench, row, mode, recovers=recovers)


def test_every_category_and_every_mode_is_in_the_table_for_each_backend() -> None:
    by_backend = {name: {row.category for row in ROWS if name in row.backends} for name in ("jido_ai", "harness")}
    assert by_backend["harness"] == set(CATEGORIES)
    # A server cannot say that we canceled.
    assert by_backend["jido_ai"] == set(CATEGORIES) - {"canceled"}
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(set(row.modes) <= set(MODES) for row in ROWS)
