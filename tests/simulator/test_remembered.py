"""What the simulator remembers of requests: what its log says, however many connections live, and however long."""

import gc
import weakref
from contextlib import AsyncExitStack
from typing import Any

import pytest

from jido_nb.simulator.exchange import Exchange
from jido_nb.simulator.server import serve

pytestmark = pytest.mark.anyio

CONNECTIONS, KEPT = 4, 8


async def test_open_connections_keep_no_requests_that_the_log_has_dropped(ask: Any, client: Any) -> None:
    noted: weakref.WeakSet[Exchange] = weakref.WeakSet()
    async with serve(keep=KEPT, on_end=noted.add) as server, AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            http = await stack.enter_async_context(client(server.url))
            for _ in range(2 * KEPT):
                assert (await http.post("/v1/messages", json=ask("empty"))).status_code == 200
        gc.collect()
        assert server.statistics()["connections"] == {"open": CONNECTIONS, "accepted": CONNECTIONS}
        assert [exchange.number for exchange in server.requests] == [*range(57, 65)]
        # The last one of each is still in the hands of who serves that connection.
        assert len(noted) <= KEPT + CONNECTIONS
