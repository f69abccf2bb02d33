"""Three hundred races over real sockets and processes: whatever comes first, an effect ends once, and nothing is left.

`test_races_runtime.py` chooses every step of the loop; here the order is the operating system's. What is drawn is what
the model does, who interferes at which moment, and when the server sends the end that it holds back: so many steps of
the loop later, which is about how long a byte takes through the loopback. A round is one runtime with all of its
conversations at once. Two of them are aimed: the end of the answer is sent as soon as the cancel is asked for, so that
it arrives when the cancel was accepted and the connection is not yet closed.
"""

import json
import os
import random
import threading
from collections import Counter

import anyio
import psutil
import pytest
from anyio.lowlevel import checkpoint

from jido_nb.core.catalogue import TERMINAL_LIFECYCLES
from jido_nb.errors import ClosedError
from jido_nb.journal.commit_points import watching
from jido_nb.journal.memory import MemoryJournal
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.scenario import Answer, Scenario, Status
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import Hold, Reset, Stall, StreamError, Text, Truncate

pytestmark = pytest.mark.anyio

ROUNDS = 13
DUELS, ON_SOCKETS, ON_PROCESSES = 2, 10, 2
"""Conversations of a round: the first ones, over both HTTP backends in turn, and the others with the stand-in agent."""
TIMEOUTS_MS = (5, 20, 80)
HELD_S = 0.05
LIMIT_S = 120
POOLS = ("asyncio_", "AnyIO worker thread", "Trio thread")
"""How the threads are called that the loops keep for the next one who needs one."""

MOMENTS = ("asked", "started", "streaming", "streaming", "retrying", "retrying", "canceling", "ended")
RELEASES = ("streaming", "canceling", "canceling")
"""When the server goes on: soon after what it has sent has come, or when somebody wants the answer to end."""
STEPS = (0, 0, 1, 2, 3, 5, 8, 13, 21, 34, 55)


BUSY = [{"fail": {"status": 503}}]
SAYS = [{"text": "a"}, {"wait_ms": 1}, {"text": "b"}]
GOOD = [*SAYS, {"done": {}}]
AGENT = {
    "completion": [GOOD],
    "failure": [[*SAYS, {"fail": {"status": 401}}]],
    "timeout": [[{"text": "a"}, {"stall": True}]],
    "retry wait": [BUSY, GOOD],
    "a stream cut off": [[{"text": "a"}, {"kill": 9}], GOOD],
}
"""What the agent does, by attempts (`simulator/agent_script.py`)."""


def wire(against, release):
    """What the model does, by attempts."""
    held, good = Hold(release), answer("a", "b", Hold(release))
    return {
        "completion": (good,),
        "failure": (answer("a", "b", held, StreamError("authentication_error", "no")),),
        "timeout": (answer("a", Stall()),),
        "retry wait": (Status(503), answer("a", held, Reset()), good),
        "a stream cut off": (answer("a", held, Truncate(clean=False)), good),
    }[against]


def answer(*pieces):
    return Answer((Text(pieces),), split=True)


class Moments:
    """When what happened to the first turn of a conversation; whoever waits for what never comes goes on at its end."""

    def __init__(self, bus, subject):
        self._events = {name: anyio.Event() for name in MOMENTS}
        bus.subscribe("conv.in.message.**", lambda recorded: self._events["asked"].set(), subject=subject)
        bus.subscribe("conv.in.control.**", lambda recorded: self._events["canceling"].set(), subject=subject)
        bus.subscribe("conv.effect.**", self._heard, subject=subject)

    def _heard(self, recorded):
        data = recorded.signal.data
        if data["lifecycle"] in TERMINAL_LIFECYCLES:
            for event in self._events.values():
                event.set()
        name = data.get("status", data["lifecycle"])
        if name in self._events:
            self._events[name].set()

    async def wait(self, name, steps):
        await self._events[name].wait()
        for _ in range(steps):
            await checkpoint()


class Race:
    """One conversation and those who interfere with it."""

    def __init__(self, chance, runtime, name, model, text):
        self.chat = runtime.conversation(name, **model)
        self.moments = Moments(runtime.bus, name)
        self.text, self.release = text, anyio.Event()
        self.turns, self.said = [], []
        acts = chance.choices(("cancel", "abort", "send"), weights=(4, 2, 1), k=chance.randint(0, 3))
        self.acts = [(what, chance.choice(MOMENTS), chance.choice(STEPS)) for what in acts]
        self.releases = chance.choice(RELEASES), chance.choice(STEPS)

    def be_a_duel(self):
        self.acts, self.releases = [("cancel", "streaming", 0)], ("canceling", 0)

    async def run(self):
        async with anyio.create_task_group() as tasks:
            # Moments are waited for before there is anything to miss.
            for what, moment, steps in self.acts:
                tasks.start_soon(self._act, what, moment, steps)
            tasks.start_soon(self._release, *self.releases)
            try:
                self.turns.append(await self.chat.send(self.text))
            except ClosedError:
                tasks.cancel_scope.cancel()

    async def _release(self, moment, steps):
        with anyio.move_on_after(HELD_S):  # or nobody wants it to end
            await self.moments.wait(moment, steps)
        self.release.set()

    async def _act(self, what, moment, steps):
        await self.moments.wait(moment, steps)
        try:
            if what == "abort":
                await self.chat.abort()
            elif what == "send":
                self.turns.append(await self.chat.send(self.text))
            elif self.turns:
                self.said.append((self.turns[0], await self.turns[0].cancel()))
        except ClosedError:
            pass  # the runtime was closed before


def settings(url):
    providers = {"simulated": {"base_url": url}, "simulated_openai": {"base_url": f"{url}/v1"}}
    policy = {"max_attempts": 3, "backoff_ms": 2, "jitter": 0.0, "join_ms": 0}
    return Settings.model_validate(
        {"llm": {"backends": {"jido_ai": {"providers": providers}}}, "effects": {"llm": policy}}
    )


async def race(seed):
    """One round. The races, and the log."""
    chance, journal = random.Random(seed), MemoryJournal()
    async with serve() as server:
        async with anyio.create_task_group() as tasks:  # noqa: SIM117 - whoever interferes outlives the runtime
            async with open_runtime(settings(server.url), journal) as runtime:
                races = []
                for number in range(ON_SOCKETS + ON_PROCESSES):
                    against = "completion" if number < DUELS else chance.choice(list(AGENT))
                    name, text = f"{number} {against}", json.dumps({"attempts": AGENT[against]})
                    if number < ON_SOCKETS:
                        model = {"model": f"simulated{'_openai' * (number % 2)}:{name}"}
                    else:
                        model = {"backend": "harness", "model": "simulated:script"}
                    if against == "timeout":
                        model["timeout_ms"] = chance.choice(TIMEOUTS_MS)
                    races.append(Race(chance, runtime, name, model, text))
                    if number < DUELS:
                        races[-1].be_a_duel()
                    server.add(name, Scenario(wire(against, races[-1].release)))
                for each in races:
                    tasks.start_soon(each.run)
                if chance.random() < 0.3:
                    await chance.choice(races).moments.wait(chance.choice(MOMENTS), chance.choice(STEPS))
                else:
                    for each in races:
                        await each.moments.wait("ended", 0)
                    await runtime.idle()
        for each in races:
            for turn in each.turns:
                await turn.wait()
        while server.statistics()["connections"]["open"]:
            await checkpoint()
        assert all(exchange.outcome and exchange.close_reason != "failed" for exchange in server.requests)
    return races, list(journal.read())


def left():
    process = psutil.Process(os.getpid())
    threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith(POOLS)]
    return {
        "processes": process.children(recursive=True),
        "sockets": Counter(connection.status for connection in process.net_connections()),
        "tasks": len(anyio.get_running_tasks()),
        "threads": threads,
    }


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_whatever_comes_first_over_real_sockets_an_effect_ends_once(seed, log_check):
    before, passed = left(), Counter()
    with anyio.fail_after(LIMIT_S), watching(lambda point: passed.update([point])):
        races, log = await race(seed)
        while left() != before:  # noqa: ASYNC110 - the system tells nobody
            await anyio.sleep(0.01)
    log_check(log)
    lifecycles = {}
    for recorded in log:
        data = recorded.signal.data
        if recorded.signal.type.startswith("conv.effect."):
            lifecycles.setdefault((recorded.signal.subject, data["effect_id"]), []).append(data["lifecycle"])
    for of_effect in lifecycles.values():
        assert [name for name in of_effect if name in TERMINAL_LIFECYCLES] == of_effect[-1:]
    # Whoever asks cannot tell a cancel that was accepted and lost from one that came too late. The worker can.
    assert [of_effect[-1] for of_effect in lifecycles.values()].count("canceled") == passed["effect.canceled"]
    for each in races:
        assert [said for _, said in each.said].count(True) <= 1
        for turn in each.turns:
            assert turn.done
            assert lifecycles[turn.conversation_id, turn.effect_id][-1] == turn.status
            assert turn.status == "canceled" or (turn, True) not in each.said
            assert turn.status != "completed" or turn.text == "ab"
