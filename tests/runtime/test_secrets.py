"""Canaries are put wherever a secret may come in, and then every byte that was written or told is searched for them."""

import logging
import sys
import traceback
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import jido_nb
from jido_nb.errors import JidoError
from jido_nb.notebook.display import bundle
from jido_nb.runtime.adapters import tool_request
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.scenario import Scenario, Status
from jido_nb.simulator.server import serve
from jido_nb.simulator.steps import StreamError, Text, Thinking, ToolUse
from jido_nb.testing.scripted_backend import ScriptedBackend

pytestmark = pytest.mark.anyio

CANARIES = {
    "env": "canary-environment-Zq1",
    "late": "canary-set-later-Zq2",
    "header": "canary-in-header-Zq3",
    "agent": "canary-of-agent-Zq4",
    "named": "canary-named-Zq5",
    "url": "canary-password-Zq6",
    "rule": "CANARY/000123",
    "vendor": "sk-ant-api03-canary7Zq7canary7Zq7",
    "bearer": "canary8Zq8canary8Zq8",
}
SAID = (
    f"keys {CANARIES['env']} {CANARIES['late']}, {CANARIES['header']}; {CANARIES['agent']} and {CANARIES['named']} at "
    f"https://me:{CANARIES['url']}@db.invalid {CANARIES['rule']} {CANARIES['vendor']}, "
    f"Authorization: Bearer {CANARIES['bearer']} end"
)
"""What people, models, tools and agents say. A password is known by its place in a URL."""

CATALOGUE = {
    "tells": Scenario.text((SAID,)),
    "splits": Scenario.text(tuple(SAID[at : at + 3] for at in range(0, len(SAID), 3)), pause_ms=1),
    "thinks": Scenario.answer(Thinking.of((SAID[:20], SAID[20:])), Text.of(("ok",))),
    "calls": Scenario.answer(ToolUse.of("look", {"key": SAID, CANARIES["env"]: 1})),
    "refuses": Scenario.always(Status(400, SAID)),
    "overloads": Scenario.always(Status(529, SAID)),
    "breaks": Scenario.text((SAID, "more")).breaking(StreamError(message=SAID), after=1),
}
AGENT = """
import json, os, sys
said = os.environ["MY_TOKEN"] + " " + {said!r}
print(json.dumps({{"type": "session", "session_id": "s1", "model": "m", "cwd": ".", "version": "1"}}))
print(json.dumps({{"type": "tool", "id": "t1", "name": "shell", "status": "completed", "input": {{"command": said}},
    "output": said}}))
print(json.dumps({{"type": "text", "text": said}}), flush=True)
print(said, file=sys.stderr)
sys.exit(3)
"""


class Unlucky(ScriptedBackend):
    """Raises what holds everything, with a cause that does too."""

    @asynccontextmanager
    async def stream(self, request):
        try:
            raise KeyError(SAID)
        except KeyError as error:
            raise RuntimeError(f"told by the backend: {SAID}") from error
        yield


def look(**arguments):
    return {"found": SAID, SAID: [SAID]}


def raises(**arguments):
    raise ValueError(SAID)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    @asynccontextmanager
    async def opener(_):
        yield Unlucky([[]])
        raise RuntimeError(f"closing: {SAID}")

    monkeypatch.setitem(sys.modules, "unlucky_backend", SimpleNamespace(opener=opener))
    monkeypatch.setenv("MY_PROVIDER_KEY", CANARIES["env"])
    monkeypatch.setenv("MY_OWN_NAME", CANARIES["named"])
    agent = tmp_path / "agent.py"
    agent.write_text(f"#!{sys.executable}\n" + AGENT.format(said=SAID))
    agent.chmod(0o755)

    def make(base_url, **redaction):
        providers = {
            "mine": {
                "kind": "anthropic",
                "base_url": base_url,
                "api_key_env": "MY_PROVIDER_KEY",
                "headers": {"x-gate": CANARIES["header"], "x-title": "a notebook"},
            },
            "late": {"kind": "anthropic", "base_url": base_url, "api_key_env": "MY_LATER_KEY"},
            "away": {"kind": "openai", "base_url": f"http://me:{CANARIES['url']}@127.0.0.1:1/v1"},
        }
        agents = {"mine": {"kind": "simulated", "path": str(agent), "env": {"MY_TOKEN": CANARIES["agent"]}}}
        return {
            "llm": {
                "backends": {
                    "jido_ai": {"providers": providers},
                    "harness": {"agents": agents},
                    "unlucky": {"module": "unlucky_backend:opener"},
                }
            },
            "effects": {"llm": {"max_attempts": 2, "backoff_ms": 1, "join_ms": 0}},
            "redaction": {"patterns": [r"CANARY/\d+"], "env": ["MY_OWN_NAME"], **redaction},
        }

    return make


ASKED = [
    *({"model": f"mine:{name}"} for name in CATALOGUE),
    {"model": "mine:tells", "stream": False},
    {"model": "late:splits"},
    {"model": "away:anything"},
    {"backend": "harness", "model": "mine:short"},
    {"backend": "unlucky", "provider": "acme", "model": "m"},
]


async def _progress(runtime, turn):
    for recorded in await runtime.events("conv.effect.llm.**.progress", turn.conversation_id):
        yield recorded


async def everything(settings, folder, journal, monkeypatch, caplog):
    """Play all of it over a runtime and give what was written and told, by where it was."""
    told = {}
    caplog.set_level(logging.DEBUG, logger="jido_nb")
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))

    def note(place, *texts):
        told[place] = "\n".join(str(text) for text in (told.get(place, ""), *texts))

    async with serve(catalogue=CATALOGUE) as server:
        asked = settings(server.url)
        async with open_runtime(asked, journal, tools={"look": look, "raises": raises}) as runtime:
            await runtime.recordings.use(
                jido_nb.Settings(recording={"mode": "record", "path": str(folder / "recording.jsonl")}).recording
            )
            # A key is set in a cell, when everything is open.
            monkeypatch.setenv("MY_LATER_KEY", CANARIES["late"])

            def raise_it(_):
                raise LookupError(SAID)

            runtime.bus.subscribe("conv.effect.**.failed", raise_it)
            for number, how in enumerate(ASKED):
                turn = await runtime.conversation(f"c{number}", system_prompt=SAID, **how).send(SAID)
                try:
                    result = await turn.result()
                    note("result", repr(result))
                except JidoError as error:
                    note("exception", *traceback.format_exception(error), repr(error), repr(vars(error)))
                note("view", turn.view.prompt, turn.text, turn.thinking, turn.view.error, turn.view.tools)
                note("display", bundle(turn.view), repr(turn))
                streamed = [r.signal.data.get("token_delta", "") async for r in _progress(runtime, turn)]
                if turn.status == "completed" and turn.view.stream:
                    assert "".join(streamed) == turn.text
                note("deltas", *streamed)
            for tool in ("look", "raises"):
                await runtime.ingest(tool_request("tools", f"t-{tool}", tool, {"key": SAID}))
            for bad in (
                {"data": SAID},
                {"type": SAID},
                {"data": {"message_id": "m", "content": "x", "effect_policy": SAID}},
            ):
                raw = {"type": "conv.in.message.received", "subject": "c", "contract_major": 1, **bad}
                try:
                    await runtime.ingest(raw)
                except JidoError as error:
                    note("refusal", str(error), repr(error), repr(vars(error)))
            await runtime.idle()
            note("runtime", repr(runtime), repr(runtime.settings), str(runtime.settings), runtime.health())
            log = runtime.journal
            for name in dir(jido_nb):
                if name.endswith("_df"):
                    frame = getattr(jido_nb, name)(log)
                    note("frames", frame.to_csv(), frame.to_html())
            note("telemetry", runtime.telemetry())
            jido_nb.export_jsonl(log, folder / "exported.jsonl")
            jido_nb.to_opentelemetry(log, tracer_provider=tracers)
            assert jido_nb.replay(log).identical
            for path in folder.iterdir():  # also what SQLite has not moved out of its own log yet
                if path.name != "agent.py":
                    note(path.name, path.read_bytes().decode("utf-8", "replace"))
    for path in folder.iterdir():
        if path.name != "agent.py":
            note(path.name, path.read_bytes().decode("utf-8", "replace"))
    note("spans", *(span.to_json() for span in exporter.get_finished_spans()))
    for record in caplog.records:
        if record.name.startswith("jido_nb"):
            note("logs", record.getMessage(), record.exc_text, record.exc_info, record.args)
    return told


def leaks(told):
    return sorted({(place, name) for place, text in told.items() for name, value in CANARIES.items() if value in text})


@pytest.mark.parametrize("name", ["runs.sqlite", "runs.jsonl"])
async def test_no_secret_is_written_or_told_anywhere(settings, tmp_path, monkeypatch, caplog, name):
    told = await everything(settings, tmp_path, tmp_path / name, monkeypatch, caplog)
    places = {"result", "exception", "refusal", "frames", "logs", "spans", "recording.jsonl", "exported.jsonl", name}
    assert all(told[place] for place in places)
    assert leaks(told) == []


async def test_the_search_finds_what_is_not_taken_out(settings, tmp_path, monkeypatch, caplog):
    def open_book(base_url):
        return settings(base_url, enabled=False)

    told = await everything(open_book, tmp_path, tmp_path / "runs.sqlite", monkeypatch, caplog)
    found = {place for place, _ in leaks(told)}
    assert found >= {"result", "exception", "view", "display", "frames", "spans", "exported.jsonl"}
    assert {name for place, name in leaks(told) if place.startswith("runs.sqlite")} == set(CANARIES)
