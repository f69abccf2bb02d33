"""What goes on in a process while it is killed: one small story for each thing that can be under way.

Each tells, by `told`, what it was told itself: that is what must not be lost. The backend and the tools tell of every
call, so that a call that is made twice shows.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ..core.signal import Recorded
from ..llm.error import LLMError
from ..llm.event import LLMEvent
from ..llm.request import LLMRequest
from ..llm.settings import Settings
from ..runtime.opening import open_runtime
from ..runtime.runtime import Runtime
from ..runtime.turn import Turn
from .scripted_backend import Complete, Delta, Fail, ScriptedBackend, Started, Step, Wait

Tell = Callable[..., None]
"""Tells a line of facts to whoever outlives the process."""

BUSY = LLMError("provider", "busy")

ANSWER: Sequence[Step] = (Started("ref"), Delta("Once "), Delta("upon "), Delta("a time."), Complete())
HANGS: Sequence[Step] = (Started("ref"), Delta("Once "), Wait())
BREAKS: Sequence[Step] = (Started("ref"), Delta("Once "), Fail(BUSY))

_tell: Tell = print
_scripts: Sequence[Sequence[Step]] = (ANSWER,)


class TellingBackend(ScriptedBackend):
    """A scripted backend that tells of each request before it answers."""

    @asynccontextmanager
    async def stream(self, request: LLMRequest) -> AsyncGenerator[AsyncIterator[LLMEvent], None]:
        _tell("call", request.request_id)
        async with super().stream(request) as events:
            yield events


@asynccontextmanager
async def open_telling(settings: Settings) -> AsyncIterator[ScriptedBackend]:
    """The opener that `settings_for` names."""
    yield TellingBackend(_scripts)


async def look_up(effect: str) -> str:
    """A tool that is awaited."""
    _tell("call", effect)
    await checkpoint()
    return effect


def look_up_slowly(effect: str) -> str:
    """A tool that runs in a thread."""
    _tell("call", effect)
    return effect


TOOLS = {"look_up": look_up, "look_up_slowly": look_up_slowly}


def settings_for(on_recovery: str) -> Settings:
    """Settings under which everything is quick, each chunk is a signal, and crashes are recovered from as told."""
    policy = {"backoff_ms": 1, "jitter": 0.0, "join_ms": 0, "max_attempts": 4, "on_recovery": on_recovery}
    return Settings.model_validate(
        {
            "llm": {
                "default_backend": "telling",
                "default_model": "model",
                "backends": {"telling": {"module": f"{__name__}:open_telling"}},
            },
            "effects": dict.fromkeys(("llm", "tool", "timer"), policy),
        }
    )


async def streaming(runtime: Runtime) -> None:
    """An answer arrives while a second message waits in line, and another conversation talks too."""
    chat = runtime.conversation("a")
    turns = [await chat.send("one", message_id="m1"), await chat.send("two", message_id="m2")]
    turns.append(await runtime.conversation("b").send("three", message_id="m3"))
    for turn in turns:
        await _ended(turn)


async def retrying(runtime: Runtime) -> None:
    """Two attempts break, the third answers."""
    await _ended(await runtime.conversation("a").send("one", message_id="m1"))


async def canceling(runtime: Runtime) -> None:
    """A running answer is canceled; then all of the conversation, with one that runs and one that waits."""
    chat = runtime.conversation("a")
    turn = await chat.send("one", message_id="m1")
    await _first_text(turn)
    await turn.cancel()
    _tell("ended", "a", turn.effect_id, turn.status)
    running, queued = await chat.send("two", message_id="m2"), await chat.send("three", message_id="m3")
    await _first_text(running)
    await chat.abort()
    for turn in (running, queued):
        await _ended(turn)


async def tools_running(runtime: Runtime) -> None:
    """Two tools and a timer run at once."""
    for name in TOOLS:
        raw = {"tool_name": name, "arguments": {"effect": f"tool-execution-{name}"}, "tool_call_id": name}
        await runtime.ingest(_asked("conv.in.tool.requested", name, raw))
    await runtime.ingest(_asked("conv.in.timer.tick", "t1", {"wait_ms": 2}))
    await runtime.idle()


async def closing(runtime: Runtime) -> None:
    """The runtime closes while one answer runs and one waits."""
    chat = runtime.conversation("a")
    turn = await chat.send("one", message_id="m1")
    await chat.send("two", message_id="m2")
    await _first_text(turn)


async def recovering(runtime: Runtime) -> None:
    """The journal is one that a crash left; what it asks for has been begun, and comes to its end."""
    await runtime.idle()


Scenario = Callable[[Runtime], Awaitable[None]]

SCENARIOS: Mapping[str, tuple[Scenario, Sequence[Sequence[Step]]]] = {
    "streaming": (streaming, (ANSWER,)),
    "retrying": (retrying, (BREAKS, BREAKS, ANSWER)),
    "canceling": (canceling, (HANGS,)),
    "tools running": (tools_running, (ANSWER,)),
    "closing": (closing, (HANGS,)),
    "recovering": (recovering, (ANSWER,)),
}
"""Name: the story, and how the backend answers."""


async def play(name: str, location: str, on_recovery: str, tell: Tell) -> None:
    """Live through a scenario over the journal at `location`, telling all that comes to be known of it."""

    def heard(recorded: Recorded) -> None:
        signal = recorded.signal
        tell("heard", recorded.seq, signal.subject, signal.id, sha256(signal.body).hexdigest())

    scenario, scripts = SCENARIOS[name]
    with telling(scripts, tell), anyio.fail_after(30):
        async with open_runtime(settings_for(on_recovery), location, tools=TOOLS) as runtime:
            runtime.bus.subscribe("**", heard)
            await scenario(runtime)


@contextmanager
def telling(scripts: Sequence[Sequence[Step]], tell: Tell) -> Iterator[None]:
    """Let the backend answer by these scripts, and let it and the tools tell of their calls."""
    global _tell, _scripts
    before = _tell, _scripts
    _tell, _scripts = tell, scripts
    try:
        yield
    finally:
        _tell, _scripts = before


async def _first_text(turn: Turn) -> None:
    async for event in turn:
        if event.kind == "delta":
            return


async def _ended(turn: Turn) -> None:
    await turn.wait()
    _tell("ended", turn.conversation_id, turn.effect_id, turn.status)


def _asked(type: str, id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    known = {"message_id": id, "ingress": "test", **data}
    return {"type": type, "id": id, "subject": "a", "contract_major": 1, "data": known}
