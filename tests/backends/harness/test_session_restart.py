"""A conversation's agent session lives in the journal: who opens the journal again goes on with it."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime

pytestmark = pytest.mark.anyio

ECHO = "harness:simulated:echo"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@asynccontextmanager
async def reopened(journal: Path) -> AsyncIterator[Runtime]:
    async with open_runtime({"effects": {"llm": {"backoff_ms": 1}}}, journal) as runtime:
        yield runtime


async def ask(runtime: Runtime, text: str, model: str = ECHO, conversation: str = "c", **more: Any) -> tuple[str, ...]:
    """(session id, new or resumed, lines that the agent was told)"""
    result = await (await runtime.conversation(conversation).send(text, model=model, **more)).result()
    _, session, how = result.text.splitlines()[0].split(" ")
    return session, how, *result.text.splitlines()[1:]


async def test_a_reopened_journal_goes_on_with_the_session_and_tells_only_what_is_new(journal: Path) -> None:
    async with reopened(journal) as runtime:
        first, *rest = await ask(runtime, "one")
        assert rest == ["new", "one"]
    async with reopened(journal) as runtime:
        assert await ask(runtime, "two") == (first, "resumed", "two")
        other, how, _ = await ask(runtime, "one", conversation="other")
        assert (other != first, how) == (True, "new")
    async with reopened(journal) as runtime:
        assert await ask(runtime, "three", stream=False) == (first, "resumed", "three")


async def test_a_fork_and_a_new_session_outlive_the_kernel_too(journal: Path) -> None:
    async with reopened(journal) as runtime:
        first, *_ = await ask(runtime, "one")
    async with reopened(journal) as runtime:
        fork, *rest = await ask(runtime, "two", options={"session": "fork"})
        assert (fork != first, rest) == (True, ["resumed", "two"])
    async with reopened(journal) as runtime:
        assert await ask(runtime, "three") == (fork, "resumed", "three")
        fresh, how, *_ = await ask(runtime, "four", options={"session": "new"})
        assert (fresh in (first, fork), how) == (False, "new")
    async with reopened(journal) as runtime:
        assert await ask(runtime, "five") == (fresh, "resumed", "five")


async def test_answers_of_another_backend_are_told_after_a_restart(journal: Path) -> None:
    async with reopened(journal) as runtime:
        first, *_ = await ask(runtime, "one")
        await (await runtime.conversation("c").send("two", model="simulated:echo")).result()
    async with reopened(journal) as runtime:
        session, how, *told = await ask(runtime, "three")
    assert (session, how) == (first, "resumed")
    assert told[:2] == ["User:", "two"]
    assert told[-2:] == ["User:", "three"]
    assert "one" not in told


@pytest.mark.parametrize(
    ("mode", "when", "how"),
    [("slow", "delta", "resumed"), ("tool-wait", "tool", "resumed"), ("never-starts", "started", "new")],
)
async def test_a_canceled_run_leaves_the_session_that_it_has_spoken_in(
    mode: str, when: str, how: str, journal: Path
) -> None:
    async with reopened(journal) as runtime:
        turn = await runtime.conversation("c").send("one", model=f"harness:simulated:{mode}")
        async for event in turn:
            if event.kind == when:
                break
        await turn.cancel()
        with pytest.raises(GenerationCanceled):
            await turn.result()
        ending = (await runtime.events("conv.effect.**.canceled"))[-1].signal.data
    async with reopened(journal) as runtime:
        session, found, *told = await ask(runtime, "two")
    assert found == how
    assert (session == ending.get("session_id")) == (how == "resumed")
    assert told == (["two"] if how == "resumed" else ["User:", "one", "", "User:", "two"])


@pytest.mark.parametrize("model", ["no-result", "exit-3"])
async def test_a_run_that_failed_leaves_nothing(model: str, journal: Path) -> None:
    async with reopened(journal) as runtime:
        with pytest.raises(GenerationFailed):
            await (await runtime.conversation("c").send("one", model=f"harness:simulated:{model}")).result()
    async with reopened(journal) as runtime:
        assert (await ask(runtime, "two"))[1] == "new"


async def test_a_canceled_run_tells_what_it_has_cost(journal: Path) -> None:
    async with reopened(journal) as runtime:
        turn = await runtime.conversation("c").send("x" * 400, model="harness:simulated:tool-wait")
        async for event in turn:
            if event.kind == "tool":
                break
        await turn.cancel()
        ending = (await runtime.events("conv.effect.**.canceled"))[-1].signal.data
    assert ending["usage"]["input_tokens"] == 100
    assert ending["cost"] == {"amount": 0.0, "currency": "USD", "price_table": "agent"}
    assert ending["partial_text"] == "This takes a while."
    assert 0 < ending["closed_latency_ms"] <= ending["cancel_latency_ms"]


KERNEL = """
import anyio, sys
from jido_nb.runtime.opening import open_runtime

async def main(journal):
    async with open_runtime(None, journal) as runtime:
        chat = runtime.conversation("c")
        first = await (await chat.send("one", model="harness:simulated:echo")).result()
        print(first.metadata["session_id"], flush=True)
        async for event in await chat.send("two", model="harness:simulated:own-session"):
            if event.kind == "tool":
                print("running", flush=True)

anyio.run(main, sys.argv[1], backend=sys.argv[2])
"""


async def test_a_killed_kernel_leaves_no_agent_and_its_journal_knows_the_session(
    anyio_backend_name: str, journal: Path, offspring: Callable[[], list[psutil.Process]]
) -> None:
    kernel = await anyio.open_process(
        [sys.executable, "-c", KERNEL, str(journal), anyio_backend_name], stdin=subprocess.DEVNULL, stderr=None
    )
    async with kernel:
        assert kernel.stdout is not None
        said = b""
        try:
            with anyio.fail_after(60):
                while b"running" not in said:
                    said += await kernel.stdout.receive()
                while len(offspring()) != 2:  # noqa: ASYNC110  neither begins nor ends at once
                    await anyio.sleep(0.02)
        finally:
            os.kill(kernel.pid, signal.SIGKILL)
        await kernel.wait()
    with anyio.fail_after(20):
        while offspring():  # noqa: ASYNC110  the watchdog is a process of its own: there is nothing to wait on
            await anyio.sleep(0.02)
    async with reopened(journal) as runtime:
        session, how, *_ = await ask(runtime, "three")
        endings = [each.signal.data for each in await runtime.events("conv.effect.**.failed")]
    assert (session, how) == (said.split()[0].decode(), "resumed")
    assert [ending["details"] for ending in endings] == [{"recovered": True}]
