"""A runtime that closes ends what runs, in bounded time, and leaves nothing behind."""

import asyncio
import os
import sys
import threading
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import psutil
import pytest

from jido_nb.core.contract import normalize
from jido_nb.errors import ClosedError, ConfigError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.open import open_journal
from jido_nb.llm.error import GenerationCanceled, GenerationFailed, LLMError
from jido_nb.runtime.ids import now_us
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.turn import Turn
from jido_nb.testing.scripted_backend import Complete, Delta, Fail, ScriptedBackend, Started, Wait

pytestmark = pytest.mark.anyio

HANGING = [Started(), Delta("par"), Delta("tial"), Wait()]
RETRYING = [Started(), Fail(LLMError("provider", "busy"))]
MAKERS = {"new_id": lambda: "x", "now_us": now_us}
LONG_WAIT = {"effects": {"llm": {"backoff_ms": 60_000, "jitter": 0.0}}}


async def when(turn, kind):
    async for event in turn:
        if event.kind == kind:
            return


@pytest.mark.parametrize("script", [HANGING, RETRYING], ids=["streaming", "waiting to retry"])
async def test_closing_ends_what_runs_and_waits_as_canceled(script, tmp_path, scripted, log_check):
    path = tmp_path / "runs.sqlite"
    async with open_runtime(scripted(script, **LONG_WAIT), path) as runtime:
        chat = runtime.conversation("c1")
        running, queued = await chat.send("one"), await chat.send("two")
        tick = await runtime.ingest_tick("c1", "t1", {"wait_ms": 60_000})
        await when(running, "delta" if script is HANGING else "retrying")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    for turn, text in ((running, "partial" if script is HANGING else ""), (queued, "")):
        with pytest.raises(GenerationCanceled, match="runtime_closed") as caught:
            await turn.result()
        assert caught.value.partial_text == text
    log = list(open_journal(path).read())
    log_check(log)
    canceled = [r.signal for r in log if r.signal.type.endswith(".canceled") and "effect" in r.signal.type]
    assert {signal.data["reason"] for signal in canceled} == {"runtime_closed"}
    assert len(canceled) == 3
    assert f"timer-wait-{tick.signal.id}" in {signal.data["effect_id"] for signal in canceled}


async def test_a_message_that_comes_while_closing_is_refused_and_leaves_nothing(scripted, tmp_path, log_check):
    path, told = tmp_path / "runs.sqlite", []

    async def send_late(runtime, turn):
        await turn.wait()  # which the closing ends
        try:
            await runtime.conversation("c1").send("late")
        except ClosedError as error:
            told.append(error)

    async with anyio.create_task_group() as tasks:  # noqa: SIM117 - the late one outlives the runtime
        async with open_runtime(scripted(HANGING), path) as runtime:
            turn = await runtime.conversation("c1").send("one")
            await when(turn, "delta")
            tasks.start_soon(send_late, runtime, turn)
            await anyio.wait_all_tasks_blocked()
    assert len(told) == 1
    log = list(open_journal(path).read())
    log_check(log)
    assert len([r for r in log if r.signal.type == "conv.in.message.received"]) == 1


async def test_a_message_that_was_taken_just_before_ends_as_canceled(scripted, journal, log_check):
    async with open_runtime(scripted(HANGING), journal) as runtime:
        raw = {"type": "conv.in.message.received", "id": "m1", "subject": "c1", "contract_major": 1}
        runtime._ingest.put(normalize({**raw, "data": {"message_id": "m1", "ingress": "t", "content": "hi"}}, **MAKERS))
        turn = Turn(runtime.conversation("c1"), "llm-generation-m1", "hi")
        turn.subscribed(runtime.bus.subscribe("conv.effect.**", turn.apply, subject="c1"))
        kept = runtime.journal
        kept.close, close = lambda: None, kept.close
    log_check(list(kept.read()))
    close()
    assert (turn.status, turn.view.reason) == ("canceled", "runtime_closed")


class Told(Exception):
    """What the user's own block raises."""


@pytest.mark.parametrize("error", [Told("x"), KeyboardInterrupt(), SystemExit(3), ExceptionGroup("g", [Told("x")])])
async def test_what_the_block_raises_comes_out_as_it_is(error, scripted, journal):
    async def live():
        async with open_runtime(scripted(HANGING), journal) as runtime:
            await when(await runtime.conversation("c1").send("hi"), "delta")
            raise error

    with pytest.raises(type(error)) as caught:
        await live()
    assert caught.value is error


@pytest.mark.parametrize("wrong", [{"llm": {"default_backnd": "x"}}, {"journl": "x"}])
async def test_a_wrong_setting_comes_out_as_it_is(wrong):
    with pytest.raises(ConfigError):
        async with open_runtime(wrong):
            pass


async def test_a_wrong_journal_comes_out_as_it_is(tmp_path, scripted):
    (tmp_path / "notes.txt").write_text("hello, this is no journal at all, just text")
    with pytest.raises(JournalError):
        async with open_runtime(scripted(), tmp_path / "notes.txt"):
            pass


async def test_canceling_the_block_from_outside_closes_in_order(scripted, tmp_path, log_check):
    path = tmp_path / "runs.sqlite"
    with anyio.CancelScope() as scope:
        async with open_runtime(scripted(HANGING), path) as runtime:
            turn = await runtime.conversation("c1").send("hi")
            await when(turn, "delta")
            scope.cancel()
            await turn.wait()
    assert scope.cancelled_caught
    assert (turn.status, turn.text) == ("canceled", "partial")
    log_check(list(open_journal(path).read()))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_cancel_of_the_task_closes_in_order(scripted, tmp_path, log_check):
    path, streaming = tmp_path / "runs.sqlite", asyncio.Event()

    async def live():
        async with open_runtime(scripted(HANGING), path) as runtime:
            turn = await runtime.conversation("c1").send("hi")
            await when(turn, "delta")
            streaming.set()
            await turn.wait()

    task = asyncio.create_task(live())
    await streaming.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    log_check(list(open_journal(path).read()))


def open_things():
    process = psutil.Process(os.getpid())
    return len(process.net_connections("all")), sorted(file.path for file in process.open_files())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_nothing_is_left_behind(backend, kind, tmp_path):
    async def live():
        journal = tmp_path / "runs.sqlite" if kind == "sqlite" else None
        async with open_runtime({"llm": {"default_model": "simulated:slow"}}, journal) as runtime:
            for name in ("a", "b", "c"):
                turn = await runtime.conversation(name).send("hi")
            await when(turn, "delta")
        assert len(anyio.get_running_tasks()) == tasks_before if backend == "asyncio" else True

    async def main():
        nonlocal tasks_before
        tasks_before = len(anyio.get_running_tasks())
        await live()

    tasks_before = 0
    anyio.run(main, backend=backend)  # the first run imports, and makes what a process makes once
    before, threads = open_things(), set(threading.enumerate())
    anyio.run(main, backend=backend)
    if backend == "asyncio":  # trio keeps its idle threads for a while
        for thread in set(threading.enumerate()) - threads:
            thread.join(5)
            assert not thread.is_alive()
    assert open_things() == before


async def test_a_backend_that_cannot_be_opened_fails_the_effects_that_need_it_and_nothing_else(
    journal, scripted, monkeypatch, at_rest
):
    settings = scripted()
    tries = []

    @asynccontextmanager
    async def opener(_):
        tries.append(1)
        if len(tries) < 3:
            raise ConfigError("no such thing")
        yield scripted.backend
        raise RuntimeError("breaks when it is closed")

    monkeypatch.setitem(sys.modules, "backend_under_test", SimpleNamespace(opener=opener))
    async with open_runtime(settings, journal) as runtime:
        chat = runtime.conversation("c1")
        with pytest.raises(GenerationFailed, match="no such thing") as caught:
            await (await chat.send("hi")).result()
        assert caught.value.error.category == "config"
        assert (await (await chat.send("hi")).result()).text == "hello"
        await at_rest(runtime)
        assert not runtime.recordings.backends._closed or len(runtime.recordings.backends._closed) == 1


async def test_a_backend_that_breaks_in_the_background_is_opened_again(journal, scripted, monkeypatch, at_rest):
    settings = scripted()
    breaks, opened = anyio.Event(), []

    async def break_down():
        await breaks.wait()
        raise RuntimeError("broken pipe")

    @asynccontextmanager
    async def opener(_):
        async with anyio.create_task_group() as tasks:
            opened.append(1)
            if len(opened) == 1:
                tasks.start_soon(break_down)
            yield ScriptedBackend([[Started(), Delta(f"from {len(opened)}"), Complete()]])
            tasks.cancel_scope.cancel()

    monkeypatch.setitem(sys.modules, "backend_under_test", SimpleNamespace(opener=opener))
    async with open_runtime(settings, journal) as runtime:
        chat = runtime.conversation("c1")
        assert (await (await chat.send("hi")).result()).text == "from 1"
        breaks.set()
        await anyio.wait_all_tasks_blocked()
        assert (await (await chat.send("hi")).result()).text == "from 2"
        await at_rest(runtime)


async def test_a_journal_that_was_given_stays_open(scripted):
    journal = MemoryJournal()
    async with open_runtime(scripted(), journal) as runtime:
        await (await runtime.conversation("c1").send("hi")).result()
    assert journal.last_seq() > 0
