"""Canaries are put wherever a secret may come in, and then every byte that was written or told is searched for them."""

import logging
import sys
import traceback
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import jido_nb
from jido_nb.errors import JidoError
from jido_nb.notebook.display import bundle
from jido_nb.runtime.adapters import tool_request
from jido_nb.runtime.known_secrets import secrets_finder
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.server import serve
from jido_nb.testing.scripted_backend import ScriptedBackend

from .canaries import CANARIES, CATALOGUE, PLANTED, SAID, leaks, settings_with, write_agent

pytestmark = pytest.mark.anyio


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
    write_agent(tmp_path / "agent.py")

    def make(base_url, **redaction):
        return settings_with(base_url, tmp_path / "agent.py", "unlucky_backend:opener", redaction)

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
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)

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
            for file in jido_nb.to_parquet(log, folder / "frames"):
                note("parquet", pq.read_table(file).to_pylist())
            jido_nb.to_opentelemetry(log, tracer_provider=tracers, meter_provider=meters)
            assert jido_nb.replay(log).identical
            for path in filter(Path.is_file, folder.iterdir()):  # also what SQLite has not moved out of its own log yet
                if path.name != "agent.py":
                    note(path.name, path.read_bytes().decode("utf-8", "replace"))
    for path in filter(Path.is_file, folder.iterdir()):
        if path.name != "agent.py":
            note(path.name, path.read_bytes().decode("utf-8", "replace"))
    note("spans", *(span.to_json() for span in exporter.get_finished_spans()))
    note("metrics", reader.get_metrics_data().to_json())
    for record in caplog.records:
        if record.name.startswith("jido_nb"):
            note("logs", record.getMessage(), record.exc_text, record.exc_info, record.args)
    return told


@pytest.mark.parametrize("name", ["runs.sqlite", "runs.jsonl"])
async def test_no_secret_is_written_or_told_anywhere(settings, tmp_path, monkeypatch, caplog, name):
    told = await everything(settings, tmp_path, tmp_path / name, monkeypatch, caplog)
    says = {"result", "exception", "refusal", "view", "display", "frames", "parquet", "logs", "recording.jsonl", name}
    assert [place for place in says | {"exported.jsonl"} if PLANTED not in told[place]] == []
    assert all(told[place] for place in ("spans", "metrics", "runtime", "telemetry"))
    assert leaks(told) == []


async def test_the_search_finds_what_is_not_taken_out(settings, tmp_path, monkeypatch, caplog):
    def open_book(base_url):
        return settings(base_url, enabled=False)

    told = await everything(open_book, tmp_path, tmp_path / "runs.sqlite", monkeypatch, caplog)
    found = {place for place, _ in leaks(told)}
    assert found >= {"result", "exception", "view", "display", "frames", "parquet", "spans", "exported.jsonl"}
    assert {name for place, name in leaks(told) if place.startswith("runs.sqlite")} == set(CANARIES)


@pytest.mark.parametrize(
    "asked",
    [
        {"backend": SAID},
        {"timeout_ms": SAID},
        {"budget": {SAID: 1}},
        {"budget": {"tokens": SAID}},
    ],
    ids=lambda asked: next(iter(asked)),
)
async def test_a_default_that_is_refused_is_refused_without_secrets(scripted, monkeypatch, asked):
    async with open_runtime(scripted()) as runtime:
        monkeypatch.setenv("SOME_API_KEY", PLANTED)
        with pytest.raises(JidoError) as refused:
            runtime.conversation("c", **asked)
    assert PLANTED not in f"{refused.value} {vars(refused.value)}"


async def test_what_a_conversation_asks_with_is_told_without_secrets(scripted, monkeypatch, tmp_path):
    async with open_runtime(scripted()) as runtime:
        monkeypatch.setenv("SOME_API_KEY", PLANTED)
        chat = runtime.conversation("c\x1b[31m", system_prompt=f"the key is {PLANTED}", model="m")
        assert repr(chat) == "<Conversation c␛[31m model='m', system_prompt='the key is [redacted]'>"
        for asked in ({"stream": SAID}, {"attachments": [tmp_path / PLANTED]}):
            with pytest.raises(JidoError) as refused:
                await chat.send("x", **asked)
            assert PLANTED not in f"{refused.value} {vars(refused.value)}"


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "apiKey"])
async def test_what_a_tool_is_given_and_answers_under_the_name_of_a_secret_is_not_written(scripted, name):
    async with open_runtime(scripted(), tools={"look": lambda **given: {"answer": {name: "hunter2"}}}) as runtime:
        await runtime.ingest(tool_request("c", "t1", "look", {"headers": {name: "hunter2", "accept": "text"}}))
        await runtime.idle()
        written = str([recorded.signal for recorded in await runtime.events()])
    assert f"{{'{name}': '[redacted]', 'accept': 'text'}}" in written
    assert f"{{'answer': {{'{name}': '[redacted]'}}}}" in written
    assert "hunter2" not in written


async def test_the_key_in_the_query_of_a_providers_address_is_a_secret():
    url = "http://127.0.0.1:1/v1?region=europe&key=hunter2%2F"
    settings = jido_nb.Settings(llm={"backends": {"jido_ai": {"providers": {"mine": {"base_url": url}}}}})
    assert set(secrets_finder(settings, {})()) == {"hunter2%2F", "hunter2/"}
    assert "hunter2" not in repr(settings)
