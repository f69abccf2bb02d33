import socket
import time
from typing import Any

import anyio
import httpx2
import pytest

from jido_nb.errors import ConfigError
from jido_nb.simulator.server import serve

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", "", "2130706433"])
async def test_only_the_loopback_is_served(host: str) -> None:
    with pytest.raises(ConfigError, match="loopback") as error:
        async with serve(host):
            pass
    assert error.value.field == "host"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "::1"])
async def test_loopback_addresses_are_served(host: str, client: Any) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    async with serve(host) as server, client(server.url) as http:
        assert (await http.get("/")).status_code == 200


@pytest.mark.parametrize("port", [-1, 65536])
async def test_a_port_that_does_not_exist_is_a_config_error(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port {port} does not exist"):
        async with serve(port=port):
            pass


async def test_a_port_in_use_is_a_config_error() -> None:
    async with serve() as server:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(ConfigError, match=f"port {port} .* is in use"):
            async with serve(port=port):
                pass


async def test_the_callers_error_comes_back_as_it_was() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serve():
            raise KeyError("mine")


@pytest.mark.parametrize("canceled", [False, True])
async def test_leaving_ends_every_connection_at_once(canceled: bool, ask: Any, client: Any) -> None:
    models = ["stall", "stall-headers", "stall-first", "stall-pings", "slow", "burst-20000"]

    async def talk(url: str, model: str) -> None:
        async with client(url) as http:
            try:
                async with http.stream("POST", "/v1/messages", json=ask(model, stream=True)):
                    # Nobody reads, so a burst fills the pipe.
                    await anyio.sleep_forever()
            except httpx2.HTTPError:
                pass

    async with anyio.create_task_group() as clients:
        with anyio.CancelScope() as scope:
            async with serve() as server:
                idle = await anyio.connect_tcp("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
                for model in models:
                    clients.start_soon(talk, server.url, model)
                await server.arrived(len(models))
                begin = time.monotonic()
                if canceled:
                    scope.cancel()
                    await anyio.sleep_forever()
        assert time.monotonic() - begin < 2
        with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await idle.receive()
        await idle.aclose()
        assert all(request.closed.is_set() for request in server.requests)
        assert {request.outcome for request in server.requests} <= {"server_closed", "completed"}
        assert server.statistics()["connections"]["open"] == 0
        clients.cancel_scope.cancel()


async def test_the_port_is_free_again() -> None:
    async with serve() as server:
        port = int(server.url.rsplit(":", 1)[1])
    async with serve(port=port) as again:
        assert again.url == server.url
