"""Ending a run: which rung it took, how long, and that nothing of it is alive afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import anyio.lowlevel
import psutil
import pytest

from jido_nb.backends.harness.backend import Harness
from jido_nb.backends.harness.process import Grace
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import LLMEvent
from jido_nb.llm.request import LLMRequest

from .conftest import PATIENT

pytestmark = pytest.mark.anyio

Ask = Callable[..., LLMRequest]
Open = Callable[..., AbstractAsyncContextManager[Harness]]
Offspring = Callable[[], list[psutil.Process]]


def spoke(event: LLMEvent) -> bool:
    return bool(event.delta)


def uses_tool(event: LLMEvent) -> bool:
    return event.tool is not None and event.tool.status == "running"


def began(event: LLMEvent) -> bool:
    return event.lifecycle == "started"


def booted(event: LLMEvent) -> bool:
    return "version" in event.metadata


DEAF = Grace(sigint_s=0.2, sigterm_s=0.2, sigkill_s=10)
"""The ladder for a mode that ignores SIGINT and SIGTERM."""
HARD_OF_HEARING = Grace(sigint_s=0.2, sigterm_s=10)
GRACES = {"ignores-signals": DEAF, "ignores-sigint": HARD_OF_HEARING}

# mode, when to cancel, which rung it takes, how many processes outlive the agent
CANCELS: list[tuple[str, Callable[[LLMEvent], bool], set[str], int]] = [
    ("slow", spoke, {"SIGINT"}, 0),
    ("slow", booted, {"SIGINT"}, 0),
    ("slow", began, {"SIGINT"}, 0),
    ("never-starts", began, {"SIGINT"}, 0),
    ("stall", spoke, {"SIGINT"}, 0),
    ("tool-wait", uses_tool, {"SIGINT"}, 0),
    ("own-session", uses_tool, {"SIGINT"}, 1),
    ("ignores-sigint", spoke, {"SIGTERM"}, 0),
    ("ignores-signals", spoke, {"SIGKILL"}, 0),
    ("stderr-flood", began, {"SIGINT", "exited"}, 0),
]


@pytest.mark.parametrize(("mode", "when", "rungs", "swept"), CANCELS)
async def test_a_cancel_leaves_nothing_alive_and_says_what_it_took(
    mode: str,
    when: Callable[[LLMEvent], bool],
    rungs: set[str],
    swept: int,
    ask: Ask,
    harness: Open,
    offspring: Offspring,
) -> None:
    told: dict[str, Any] = {}

    async def cancel(ref: str) -> None:
        told.update(await backend.cancel(ref))

    async with harness(grace=GRACES.get(mode, PATIENT)) as backend:
        async with anyio.create_task_group() as group:
            with pytest.raises(LLMError) as caught:  # noqa: PT012
                async with backend.stream(ask(f"simulated:{mode}")) as events:
                    async for event in events:
                        if when(event) and not told.setdefault("asked", False):
                            told["asked"] = True
                            ref = event.metadata.get("execution_ref", "harness-1")
                            group.start_soon(cancel, ref)
        assert caught.value.category == "canceled"
        assert (told["rung"] in rungs, told["swept"]) == (True, swept)
        assert caught.value.details["rung"] == told["rung"]
        assert offspring() == []


async def there(offspring: Offspring, count: int) -> None:
    """Return when so many processes are there, or more: a process shows its environment a moment after it was made."""
    with anyio.fail_after(20):
        while len(offspring()) < count:  # noqa: ASYNC110  the system tells nobody
            await anyio.sleep(0.01)


@pytest.mark.parametrize("mode", ["slow", "own-session", "ignores-signals", "never-starts"])
async def test_leaving_the_block_ends_the_process(mode: str, ask: Ask, harness: Open, offspring: Offspring) -> None:
    async with harness(grace=GRACES.get(mode, PATIENT)) as backend:
        async with backend.stream(ask(f"simulated:{mode}")) as events:
            async for event in events:
                if began(event) if mode == "never-starts" else spoke(event) or uses_tool(event):
                    await there(offspring, 1)
                    break
        assert offspring() == []


@pytest.mark.parametrize("mode", ["slow", "own-session", "ignores-signals"])
async def test_a_canceled_task_ends_the_process_in_bounded_time(
    mode: str, ask: Ask, harness: Open, offspring: Offspring
) -> None:
    async with harness(grace=GRACES.get(mode, PATIENT)) as backend:
        started = time.monotonic()
        with anyio.move_on_after(30) as scope:
            async with backend.stream(ask(f"simulated:{mode}")) as events:
                async for event in events:
                    if spoke(event) or uses_tool(event):
                        started = time.monotonic()
                        scope.cancel()
        assert scope.cancelled_caught
        assert time.monotonic() - started < 20
        assert offspring() == []


async def test_an_agent_whose_output_nobody_reads_can_still_end_in_its_own_way(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        async with backend.stream(ask("simulated:huge-line")) as events:
            async for event in events:
                if booted(event):
                    break
        with anyio.fail_after(20):
            assert (await backend.cancel("harness-1"))["rung"] in {"SIGINT", "exited"}


async def test_a_cancel_after_the_end_tells_how_it_ended(ask: Ask, harness: Open) -> None:
    async with harness() as backend:
        async with backend.stream(ask("simulated:slow")) as events:
            async for event in events:
                if spoke(event):
                    break
        assert (await backend.cancel("harness-1"))["rung"] == "SIGINT"
        with pytest.raises(LLMError, match="harness-7") as caught:
            await backend.cancel("harness-7")
        assert caught.value.category == "config"


async def test_a_session_can_be_named_in_place_of_the_run(ask: Ask, harness: Open, offspring: Offspring) -> None:
    told: dict[str, Any] = {}

    async def cancel(session: str) -> None:
        told.update(await backend.cancel_session("simulated", session))

    async with harness() as backend:
        async with anyio.create_task_group() as group:
            with pytest.raises(LLMError, match="canceled"):  # noqa: PT012
                async with backend.stream(ask("simulated:slow")) as events:
                    async for event in events:
                        if booted(event):
                            group.start_soon(cancel, event.metadata["session_id"])
        assert told["rung"] == "SIGINT"
        assert offspring() == []
        for agent, session in (("simulated", "nowhere"), ("claude", "nowhere")):
            with pytest.raises(LLMError, match="nothing is running in the session 'nowhere'") as caught:
                await backend.cancel_session(agent, session)
            assert caught.value.category == "config"


async def test_what_an_agent_says_while_it_ends_is_read_and_tells_what_it_has_cost(ask: Ask, harness: Open) -> None:
    said: list[LLMEvent] = []
    async with harness() as backend, anyio.create_task_group() as group:
        with pytest.raises(LLMError) as caught:  # noqa: PT012
            async with backend.stream(ask("simulated:tool-wait", "x" * 400)) as events:
                async for event in events:
                    said.append(event)
                    if uses_tool(event):
                        group.start_soon(backend.cancel, "harness-1")
    assert said[-1].usage is not None
    assert said[-1].usage.input_tokens == 100
    assert said[-1].metadata["cost"]["price_table"] == "agent"
    assert said[-1].metadata["session"]["id"] == caught.value.details["session_id"]
    assert [event.sequence for event in said] == sorted(event.sequence for event in said)


async def test_many_cancels_are_one(ask: Ask, harness: Open) -> None:
    rungs: list[Any] = []

    async def cancel() -> None:
        rungs.append(await backend.cancel("harness-1"))

    async with harness() as backend, anyio.create_task_group() as group:
        with pytest.raises(LLMError):  # noqa: PT012
            async with backend.stream(ask("simulated:slow")) as events:
                async for event in events:
                    if spoke(event) and not rungs:
                        for _ in range(3):
                            group.start_soon(cancel)
                        await anyio.lowlevel.checkpoint()
    assert rungs == [{"rung": "SIGINT", "swept": 0, "exit_code": 0}] * 3


async def test_closing_the_backend_ends_what_still_runs(ask: Ask, harness: Open, offspring: Offspring) -> None:
    began_to_speak = anyio.Event()

    async def read(backend: Harness) -> None:
        with pytest.raises(LLMError, match="canceled"):  # noqa: PT012
            async with backend.stream(ask("simulated:own-session")) as events:
                async for event in events:
                    if uses_tool(event):
                        began_to_speak.set()

    async with anyio.create_task_group() as group:
        async with harness() as backend:
            group.start_soon(read, backend)
            await began_to_speak.wait()
        assert offspring() == []


async def test_twenty_runs_at_once_end_together(ask: Ask, harness: Open, offspring: Offspring) -> None:
    texts: list[str] = []

    async def one(number: int) -> None:
        texts.append((await backend.start(ask("simulated:echo", f"n{number}", conversation=f"c{number}"))).text)

    async with harness() as backend:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(one, number)
        assert sorted(text.rpartition("\n")[2] for text in texts) == sorted(f"n{number}" for number in range(20))
        assert offspring() == []


KERNEL = """
import anyio
from jido_nb.backends.harness.backend import open_harness
from jido_nb.llm.request import LLMRequest
from jido_nb.llm.settings import Settings

async def main():
    request = LLMRequest(request_id="e:1", conversation_id="c", backend="harness", model="simulated:own-session",
                         messages=[{"role": "user", "content": "hi"}])
    async with open_harness(Settings()) as backend, backend.stream(request) as events:
        async for event in events:
            if event.tool:
                print("running", flush=True)

anyio.run(main, backend=%r)
"""


async def test_no_agent_outlives_a_kernel_that_is_killed(anyio_backend_name: str, offspring: Offspring) -> None:
    kernel = await anyio.open_process(
        [sys.executable, "-c", KERNEL % anyio_backend_name], stdin=subprocess.DEVNULL, stderr=None
    )
    async with kernel:
        assert kernel.stdout is not None
        assert b"running" in await kernel.stdout.receive()
        await there(offspring, 2)  # the agent and its tool, in a session of its own
        os.kill(kernel.pid, signal.SIGKILL)
        await kernel.wait()
    with anyio.fail_after(20):
        while offspring():  # noqa: ASYNC110  the watchdog is a process of its own: there is nothing to wait on
            await anyio.sleep(0.02)
