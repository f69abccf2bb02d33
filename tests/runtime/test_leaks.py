"""A thousand canceled streams leave nothing behind: no descriptor, no task, no connection, no memory."""

import gc
import sys

import anyio
import psutil
import pytest

from jido_nb.journal.sqlite import IDLE_READERS
from jido_nb.journal.sqlite_connect import WRITER_CACHE_KIB
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.scenario import Answer, Scenario
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Stall, Text

pytestmark = pytest.mark.anyio

STREAMS = 1000
AT_ONCE = 10
WARM_UP = 150
"""Enough to fill what is bounded: the histories of the conversations, the readers of the journal."""
CACHES = (WRITER_CACHE_KIB + IDLE_READERS * 2000) << 10
"""What SQLite may keep of the file, which grows with every stream: 2000 KiB is its own limit for a reader."""
SILENT = Scenario((Answer((Text(("Once upon ", Stall())),)),))


async def canceled_in_mid_stream(chat):
    turn = await chat.send("hello")
    async for event in turn:
        if event.kind == "delta":
            assert await turn.cancel()
    assert (turn.status, turn.text) == ("canceled", "Once upon ")


async def streams(runtime, model, count):
    chats = [runtime.conversation(f"c{number}", model=model) for number in range(AT_ONCE)]
    for _ in range(count // AT_ONCE):
        async with anyio.create_task_group() as tasks:
            for chat in chats:
                tasks.start_soon(canceled_in_mid_stream, chat)


async def footprint(server, runtime):
    """What is held when everything has come to rest."""
    with anyio.fail_after(10):
        await runtime.idle()
        while server.statistics()["connections"]["open"]:
            await anyio.lowlevel.checkpoint()
    gc.collect()
    process = psutil.Process()
    return {
        "descriptors": process.num_fds(),
        "tasks": len(anyio.get_running_tasks()),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "memory": process.memory_info().rss,
    }


# Each loop and each of the two HTTP libraries once; a thousand streams take a while.
@pytest.mark.parametrize(("anyio_backend", "kind"), [("asyncio", "simulated"), ("trio", "simulated_openai")])
async def test_a_thousand_canceled_streams_leave_nothing_behind(anyio_backend, kind, tmp_path):
    async with serve(keep=AT_ONCE) as server:
        server.add("silent", SILENT)
        url = server.url + ("/v1" if kind == "simulated_openai" else "")
        providers = {kind: {"base_url": url}}
        settings = Settings(llm={"backends": {"jido_ai": {"providers": providers}}})
        async with open_runtime(settings, tmp_path / "runs.sqlite") as runtime:
            await streams(runtime, f"{kind}:silent", WARM_UP)
            before = await footprint(server, runtime)
            await streams(runtime, f"{kind}:silent", STREAMS)
            after = await footprint(server, runtime)
            canceled = runtime.telemetry().lifecycle_counts["canceled"]
        assert canceled == server.statistics()["requests"] == WARM_UP + STREAMS
        assert server.statistics()["outcomes"] == {"client_closed": WARM_UP + STREAMS}
    grown = {name: after[name] - count for name, count in before.items()}
    assert grown["descriptors"] <= 30, grown  # readers of the journal come and go, with three files each
    assert grown["tasks"] <= 0, grown
    assert grown["objects"] < STREAMS, grown
    # Ids of recent signals are remembered, ten or so per stream, up to a limit that is not reached here.
    assert grown["blocks"] < 40 * STREAMS, grown
    assert grown["memory"] < CACHES + (32 << 20), grown
