"""Every kind of traffic, run once for real: what the golden journals hold."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from jido_nb.core.catalogue import EFFECT_PREFIXES
from jido_nb.llm.error import GenerationCanceled, GenerationFailed
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.runtime.runtime import Runtime
from jido_nb.runtime.turn import Turn

Traffic = Callable[[Runtime], Awaitable[None]]

SETTINGS = Settings.model_validate(
    {
        "effects": {"llm": {"backoff_ms": 1}, "timer": {"max_attempts": 1}},
        "llm": {"backends": {"harness": {"agents": {"simulated": {"cwd": "."}}}}},
    }
)


async def _ended(turn: Turn) -> None:
    with suppress(GenerationFailed, GenerationCanceled):
        await turn.result()


async def answers(runtime: Runtime) -> None:
    chat = runtime.conversation("answers", project_id="p/1", system_prompt="Be brief.", options={"max_tokens": 200})
    for model in ("simulated:echo", "simulated:thinking", "simulated:redacted", "simulated:international"):
        await _ended(await chat.send("Is it windy? ☃", model=model))
    await _ended(await chat.send("whole", model="simulated:echo", stream=False))


async def failures(runtime: Runtime) -> None:
    for model in ("flaky-503", "always-529", "unauthorized", "reset", "truncated", "html", "refused-400"):
        await _ended(await runtime.conversation(model).send("try", model=f"simulated:{model}"))
    stalled = await runtime.conversation("stall").send("wait", model="simulated:stall", timeout_ms=300)
    await _ended(stalled)
    poor = runtime.conversation("poor", budget={"attempts": 1})
    await _ended(await poor.send("one", model="simulated:echo"))
    await _ended(await poor.send("two", model="simulated:echo"))


async def cancels(runtime: Runtime) -> None:
    turn = await runtime.conversation("one").send("long", model="simulated:slow")
    async for event in turn:
        if event.kind == "delta":
            break
    await turn.cancel("enough", requested_by="ada")
    await _ended(turn)
    many = runtime.conversation("many")
    turns = [await many.send(text, model="simulated:slow") for text in ("a", "b", "c")]
    await many.abort("all of it")
    for each in turns:
        await _ended(each)


async def tools(runtime: Runtime) -> None:
    chat = runtime.conversation("tools")
    await _ended(await chat.send("weather?", model="simulated:tools"))
    await chat.call_tool("double", {"number": 2})
    await chat.call_tool("missing", {})
    await runtime.idle()


async def agents(runtime: Runtime) -> None:
    chat = runtime.conversation("agent", backend="harness")
    for model in ("simulated:tools", "simulated:thinking", "simulated:retries"):
        await _ended(await chat.send("do it", model=model))


async def timers(runtime: Runtime) -> None:
    await runtime.ingest_tick("short", "t1", {"wait_ms": 1})
    tick = await runtime.ingest_tick("long", "t1", {"wait_ms": 60_000})
    await runtime.ingest_cancel("long", "x1", {"effect_id": f"timer-wait-{tick.signal.id}", "reason": "no need"})
    await runtime.ingest_stop("long", "x2", {"reason": "end of day"})
    await runtime.idle()


async def strangers(runtime: Runtime) -> None:
    """Lifecycles of effects that somebody else drives, and a type that is in no catalogue."""
    for prefix in EFFECT_PREFIXES.values():
        for ending in ("completed", "failed", "canceled"):
            for lifecycle in ("started", "progress", ending):
                data = {"effect_id": f"{prefix}/{ending}", "lifecycle": lifecycle, "backend": "elsewhere"}
                raw = {"type": f"{prefix}.{lifecycle}", "subject": f"{prefix}/{ending}", "contract_major": 1}
                await runtime.ingest({**raw, "data": data, "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
    note = {"type": "conv.audit.note", "subject": "notes", "contract_major": 1}
    await runtime.ingest({**note, "data": {"audit_id": "a1", "category": "test", "deep": [{"x": -0.5, "nul": "\0"}]}})
    await runtime.idle()


TRAFFIC: dict[str, Traffic] = {
    "answers": answers,
    "failures": failures,
    "cancels": cancels,
    "tools": tools,
    "agents": agents,
    "timers": timers,
    "strangers": strangers,
}
"""By the name of the file. To keep another kind, add a row, and a folder for the version that writes it."""


async def run(name: str, path: Path) -> None:
    """Write a journal with that kind of traffic."""
    async with open_runtime(SETTINGS, path, tools={"double": lambda number: 2 * number}) as runtime:
        await TRAFFIC[name](runtime)
        await runtime.idle()
