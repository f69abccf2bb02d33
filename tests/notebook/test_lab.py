"""The synchronous door: answers without a loop, interrupts that arrive, and closing that leaves nothing."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import pytest

from jido_nb.errors import ClosedError, ConfigError, ContractError
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.notebook import door
from jido_nb.notebook.door import state
from jido_nb.notebook.lab import Lab, close_all
from jido_nb.testing.scripted_backend import Delta, ScriptedBackend, Started, Wait

QUICK = {"llm": {"default_model": "simulated:burst-200"}, "effects": {"llm": {"backoff_ms": 0}}}
SLOW = "simulated:slow"


@pytest.fixture
def lab():
    with Lab(settings=QUICK) as lab:
        yield lab


def first_delta(turn):
    for event in turn:
        if event.kind == "delta":
            return


def test_an_answer_by_every_way_there_is_to_ask_for_it(lab):
    chat = lab.conversation("c1")
    turn = chat.send("hi")
    kinds = [event.kind for event in turn]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("started", "completed", {"delta"})
    assert turn.result(10).text == turn.text == "word " * 200
    assert (turn.status, turn.attempts, turn.done) == ("completed", 1, True)
    assert turn.usage.output_tokens > 0
    assert chat.ask("hi", timeout=10).text == turn.text

    async def in_a_cell():
        turn = chat.send("hi")
        pieces = [event.text async for event in turn if event.kind == "delta"]
        return "".join(pieces), (await turn).text

    assert asyncio.run(in_a_cell()) == (turn.text, turn.text)
    assert [message.role for message in chat.context()][:2] == ["user", "assistant"]
    assert len(chat.events("conv.in.**")) == len([e for e in chat.timeline() if e.role == "user"]) == 3
    lab.idle(10)
    assert (lab.health().status, lab.health().turns_checked) == ("ok", 3)


def test_a_failure_and_a_cancel_are_raised_with_what_was_said(lab):
    with pytest.raises(GenerationFailed) as caught:
        lab.conversation(model="simulated:always-503").ask("hi", timeout=20)
    assert (caught.value.attempts, caught.value.error.category) == (3, "provider")
    turn = lab.conversation(model=SLOW).send("hi")
    first_delta(turn)
    assert turn.cancel("enough", requested_by="ada")
    with pytest.raises(GenerationCanceled, match="enough") as canceled:
        turn.result(10)
    assert canceled.value.partial_text == turn.text != ""
    assert turn.cancel() is False


def test_a_timeout_leaves_the_turn_going_and_nobody_waiting(lab):
    turn = lab.conversation(model=SLOW).send("hi")
    first_delta(turn)
    before = lab._door.ask(lambda: len(asyncio.all_tasks()))
    for _ in range(20):
        with pytest.raises(TimeoutError):
            turn.result(0.001)
    assert lab._door.ask(lambda: len(asyncio.all_tasks())) < before + 10
    assert turn.status in ("queued", "running")
    assert turn.cancel()
    turn.wait(10)


def test_a_canceled_await_cancels_the_turn(lab):
    async def in_a_cell():
        turn = lab.conversation(model=SLOW).send("hi")
        task = asyncio.ensure_future(turn.__await__.__self__._result_on_this_loop())
        async for event in turn:
            if event.kind == "delta":
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return turn

    turn = asyncio.run(in_a_cell())
    turn.wait(10)
    assert (turn.status, turn.view.reason) == ("canceled", "interrupt")


@pytest.mark.parametrize("how", ["result", "wait", "iterate"])
def test_the_interrupt_cancels_what_a_cell_waits_for(how, tmp_path):
    script = f"""
import os, signal, threading
from jido_nb.notebook.lab import Lab

lab = Lab(settings={{"llm": {{"default_model": "simulated:slow"}}}})
turn = lab.conversation("c1").send("hi")
unwatch = turn.watch(lambda view, events: view.text and (unwatch(), os.kill(os.getpid(), signal.SIGINT)))
try:
    if {how!r} == "iterate":
        for event in turn:
            pass
    else:
        turn.{how if how != "iterate" else "wait"}()
except KeyboardInterrupt:
    turn.wait(5)
    print(turn.status, turn.view.reason, bool(turn.text), lab.health().status)
"""
    assert run(script) == "canceled interrupt True ok\n"


def run(script, *arguments, **more):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=False, **more
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_closing_ends_what_runs_is_bounded_and_may_be_done_twice(tmp_path):
    before = set(threading.enumerate())
    lab = Lab(tmp_path / "runs.sqlite", QUICK)
    finished = lab.conversation("c1").send("hi")
    finished.wait(10)
    running = lab.conversation("c2", model=SLOW).send("hi")
    first_delta(running)
    began = time.monotonic()
    lab.close()
    lab.close()
    assert time.monotonic() - began < 2
    assert not [thread for thread in threading.enumerate() if thread not in before and "jido" in thread.name]
    assert (running.status, running.view.reason) == ("canceled", "runtime_closed")
    with pytest.raises(GenerationCanceled, match="runtime_closed"):
        running.result()
    assert finished.result().text == finished.text
    assert id(lab) not in state().labs


@pytest.mark.parametrize(
    "ask",
    [
        lambda lab, chat: chat.send("hi"),
        lambda lab, chat: lab.conversation("c2"),
        lambda lab, chat: lab.events(),
        lambda lab, chat: lab.health(),
        lambda lab, chat: chat.abort(),
    ],
    ids=["send", "conversation", "events", "health", "abort"],
)
def test_a_closed_lab_says_so(ask):
    lab = Lab(settings=QUICK)
    chat = lab.conversation("c1")
    lab.close()
    with pytest.raises(ClosedError, match="is closed"):
        ask(lab, chat)


def test_a_fork_is_told_to_make_its_own():
    script = """
import os, warnings
warnings.simplefilter("ignore")
from jido_nb.notebook.lab import Lab
from jido_nb.errors import ClosedError

lab = Lab()
chat = lab.conversation("c1", model="simulated:burst-200")
chat.ask("hi", timeout=20)
if (child := os.fork()) == 0:
    try:
        chat.send("hi")
    except ClosedError as error:
        print("fork of it" in str(error), flush=True)
    lab.close()
    os._exit(0)
os.waitpid(child, 0)
print(chat.ask("hi", timeout=20).status, flush=True)
"""
    assert run(script) == "True\ncompleted\n"


def test_the_interpreter_ends_in_order_without_a_close(tmp_path):
    script = """
import sys
from jido_nb.notebook.lab import Lab

turn = Lab(sys.argv[1]).conversation("c1", model="simulated:slow").send("hi")
for event in turn:
    if event.kind == "delta":
        break
"""
    began = time.monotonic()
    run(script, str(tmp_path / "runs.sqlite"))
    assert time.monotonic() - began < 20
    with Lab(tmp_path / "runs.sqlite") as lab:
        assert lab.health().recovered == 0, "the end was written before the interpreter ended"
        ends = lab.events("conv.effect.llm.generation.canceled")
        assert [recorded.signal.data["reason"] for recorded in ends] == ["runtime_closed"]


def test_two_labs_live_side_by_side(tmp_path):
    with Lab(tmp_path / "a.sqlite", QUICK) as one, Lab(tmp_path / "b.sqlite", QUICK) as two:
        turns = [each.conversation("c1").send("hi") for each in (one, two)]
        assert [turn.result(10).status for turn in turns] == ["completed", "completed"]
        one.close()
        assert two.conversation("c1").ask("hi", timeout=10).status == "completed"
    assert not state().labs


def test_use_sets_what_new_conversations_ask(lab):
    lab.use("simulated:echo", options={"temperature": 0.5})
    assert "ping" in lab.conversation("c1").ask("ping", timeout=10).text
    assert lab.conversation("c2", model="simulated:burst-200").ask("x", timeout=10).text.startswith("word ")
    for wrong in ({"model": "nobody:x"}, {"backend": "nope"}):
        with pytest.raises((ContractError, ConfigError)):
            lab.use(**wrong)
    assert lab.conversation("c3").send("x").view is not None


def test_a_lazy_lab_opens_nothing_before_it_is_used(tmp_path):
    threads = set(threading.enumerate())
    lab = Lab(tmp_path / "runs.sqlite", QUICK, lazy=True)
    assert (lab.is_open, list(tmp_path.iterdir())) == (False, [])
    assert set(threading.enumerate()) <= threads
    assert "not opened yet" in repr(lab)
    opened = []
    together = [threading.Thread(target=lambda: opened.append(lab.runtime)) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert len(set(map(id, opened))) == 1
    assert (lab.is_open, os.path.exists(tmp_path / "runs.sqlite")) == (True, True)
    close_all()
    assert lab.closed


def test_a_lab_that_is_closed_still_says_what_it_was(tmp_path):
    with Lab(tmp_path / "runs.sqlite", QUICK) as lab:
        assert repr(lab) == f"<Lab {tmp_path / 'runs.sqlite'} open>"
    assert repr(lab) == f"<Lab {tmp_path / 'runs.sqlite'} closed>"
    assert lab.journal_location == str(tmp_path / "runs.sqlite")


def test_the_runtimes_own_thread_may_not_wait_at_the_door(lab):
    caught = []

    def callback(recorded):
        try:
            lab.events()
        except ClosedError as error:
            caught.append(str(error))

    lab._door.ask(lambda: lab.runtime.bus.subscribe("conv.in.**", callback))
    lab.conversation("c1").send("hi").wait(10)
    assert "async API" in caught[0]


def test_a_lab_does_not_wait_for_what_does_not_let_go(monkeypatch, caplog):
    release = threading.Event()

    class Clinging(ScriptedBackend):
        @asynccontextmanager
        async def stream(self, request):
            async with super().stream(request) as events:
                try:
                    yield events
                finally:
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(release.wait)

    @asynccontextmanager
    async def opener(_):
        yield Clinging([[Started(), Delta("a"), Wait()]])

    monkeypatch.setitem(sys.modules, "clinging", SimpleNamespace(opener=opener))
    monkeypatch.setattr(door, "CLOSE_LIMIT_S", 0.2)
    backends = {"clinging": {"module": "clinging:opener"}}
    lab = Lab(settings={"llm": {"default_backend": "clinging", "default_model": "m", "backends": backends}})
    try:
        turn = lab.conversation("c").send("hi")
        assert next(event for event in turn if event.kind == "delta").text == "a"
        lab.close()
        assert "does not let go" in caplog.text
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "jido-runtime")
    finally:
        release.set()
    thread.join(30)
    assert not thread.is_alive()
