"""Secrets in a notebook: neither the saved file nor the wire to the browser holds one, nor what a doctor says.

A notebook is executed that says all of `canaries.py` in every way that a notebook has, and every byte is searched. The
planted word, which is no secret, must be found wherever the canaries are not.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pyarrow.parquet as pq
import pytest
from anyio.from_thread import start_blocking_portal
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from jido_nb.simulator.server import serve

from ..runtime.canaries import CANARIES, CATALOGUE, PLANTED, SAID, leaks, settings_with, write_agent
from .comm_front_end import CommFrontEnd

UNLUCKY = """
import os
from contextlib import asynccontextmanager
from jido_nb.testing.scripted_backend import ScriptedBackend

class Unlucky(ScriptedBackend):
    @asynccontextmanager
    async def stream(self, request):
        raise RuntimeError(os.environ["WORDS"])
        yield

@asynccontextmanager
async def opener(_):
    yield Unlucky([[]])
"""
ELSEWHERE = f"postgresql://me:{CANARIES['url']}@127.0.0.1:1/nowhere?connect_timeout=1"

BEFORE = """
import os
import jido_nb
from IPython.display import display
%load_ext jido_nb
said = os.environ["WORDS"]
jido.recording("record", "tape.jsonl")
os.environ["MY_LATER_KEY"] = os.environ["GIVEN_LATER"]
"""
SAYS = [
    *(f"%%jido --new -m mine:{name}\n{{{{ said }}}}" for name in CATALOGUE),
    "%%jido --new --no-stream -m mine:tells\n{{ said }}",
    "%%jido --new -b harness -m mine:short\n{{ said }}",
    "%%jido --new --show-prompt -m away:anything\n{{ said }}",
    "%%jido -c late -m late:splits\n{{ said }}",
    "%%jido -c late --bg -o later -m late:splits\n{{ said }}",
    "later.wait(60)",
]
RAISES = [
    "jido.conversation(backend='unlucky', provider='acme', model='m').send(said).result()",
    "jido.conversation(model='mine:refuses', system_prompt=said).send(said).result()",
    "jido.conversation(model='mine:' + said).send(said).result()",
    "jido.conversation(model=said).send(said).result()",
    "jido.conversation(model='mine:tells').send('x', effect_policy={'max_attempts': said})",
    "jido.conversation(backend=said)",
    "jido.conversation(model='mine:tells').send('x', timeout_ms=said, attachments=[said])",
    "jido.use(backend=said)",
    "jido.ingest({'type': said, 'subject': 'c', 'contract_major': 1, 'data': {said: said}})",
    "jido_nb.Lab(os.environ['ELSEWHERE']).conversation().send('x')",
]
SHOWS = [
    "turn = jido.conversation('a', model='mine:calls', system_prompt=said).send(said).wait(60)",
    "turn",
    "jido.conversation('a', model=said, system_prompt=said)",
    "print(turn, turn.text, turn.view)",
    *(f"%jido {word}" for word in ("status", "history late", "journal", "recording", "retries", "events", "telemetry")),
    *(f"%jido {word}" for word in ("replay", "models", "backends", "doctor")),
    "display(jido, jido.settings, jido.health(), jido.watch())",
    "for name in dir(jido_nb):\n    if name.endswith('_df'): display(getattr(jido_nb, name)(jido))",
    "jido_nb.compare(jido.conversation('a'), jido.conversation('late'))",
    "print(*(recorded.signal for recorded in jido.events('**')))",
    "jido.idle(); jido_nb.export_jsonl(jido, 'out.jsonl'); jido_nb.to_parquet(jido, 'frames')",
]
CELLS = [BEFORE, *SAYS, *RAISES, *SHOWS]


class Machine:
    """A place to work with secrets in its settings and its environment."""

    def __init__(self, folder: Path, url: str) -> None:
        self.work, parts = folder / "work", folder / f"parts-{PLANTED}"
        self.work.mkdir()
        parts.mkdir()
        write_agent(parts / "agent.py")
        (parts / "unlucky_backend.py").write_text(UNLUCKY, encoding="utf-8")
        settings = settings_with(url, parts / "agent.py", "unlucky_backend:opener")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "IPYTHONDIR": str(folder),
            "PYTHONPATH": str(parts),
            "JIDO_NB_LLM": json.dumps(settings["llm"]),
            "JIDO_NB_EFFECTS": json.dumps(settings["effects"]),
            "JIDO_NB_REDACTION": json.dumps(settings["redaction"]),
            "JIDO_NB_JOURNAL": str(self.work / "runs.sqlite"),
            "MY_PROVIDER_KEY": CANARIES["env"],
            "MY_OWN_NAME": CANARIES["named"],
            "GIVEN_LATER": CANARIES["late"],
            "WORDS": SAID,
            "ELSEWHERE": ELSEWHERE,
        }

    def files(self) -> dict[str, str]:
        """What was written, as text, by name."""
        found = {}
        for path in filter(Path.is_file, self.work.rglob("*")):
            whole = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else None
            found[path.name] = whole or path.read_bytes().decode("utf-8", "replace")
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(catalogue=CATALOGUE)) as server,
    ):
        yield Machine(tmp_path, server.url)


def without(told: dict[str, str], *places: str) -> list[str]:
    """The places where not even the planted word is found."""
    return [place for place in places if PLANTED not in told[place]]


def test_no_secret_is_in_a_notebook_that_was_executed_and_saved(machine: Machine) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    # Widgets are shown, so that their state is saved too.
    environment = {**machine.environment, "JIDO_NB_FRONTEND": "live"}
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": machine.work}}
    )
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.source = ""  # what is typed in a cell is the notebook's own
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    told = {
        "notebook": nbformat.writes(notebook),
        "html": str([output.data.get("text/html") for output in outputs if "data" in output]),
        "tracebacks": str([output.traceback for output in outputs if output.output_type == "error"]),
        "widgets": str(notebook.metadata.get("widgets")),
        "metadata": str([output.metadata for output in outputs if "metadata" in output]),
        **machine.files(),
    }
    assert (
        without(told, "notebook", "html", "tracebacks", "runs.sqlite", "out.jsonl", "tape.jsonl", "turns.parquet") == []
    )
    assert "sid" in told["widgets"]
    assert "asked_model" in told["metadata"]
    assert leaks(told) == []


class Wire(CommFrontEnd):
    """Keeps every message that goes to the browser."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.heard: dict[str, list[str]] = {}

    def _on_iopub(self, message: dict[str, Any]) -> None:
        parts = (message["content"], message["metadata"], *map(bytes, message["buffers"]))
        self.heard.setdefault(message["msg_type"], []).append(str(parts))
        super()._on_iopub(message)


def test_no_secret_crosses_the_wire_to_the_browser(machine: Machine) -> None:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(machine.work), env=machine.environment)
    try:
        wire = Wire(manager, client, live=True)
        for source in CELLS:
            wire.run(source)
        wire.send(wire.comm_of("hub_id"), {"t": "hello"})  # as a page does that was loaded again: it gets all of it
        wire.run("print(said)")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    told = {kind: "\n".join(texts) for kind, texts in wire.heard.items() if kind != "execute_input"}
    planted = told.pop("stream")
    told["stream"], typed, _ = planted.rpartition(SAID)
    assert typed, "what a cell prints by itself is its own, and found"
    assert without(told, "comm_msg", "display_data", "update_display_data", "error", "stream") == []
    assert "sid" in told["comm_open"]
    assert leaks(told) == []


def test_no_secret_is_in_what_a_doctor_says(machine: Machine) -> None:
    command = [sys.executable, "-m", "jido_nb.cli", "doctor"]
    done = subprocess.run(
        command, cwd=machine.work, env=machine.environment, capture_output=True, text=True, timeout=120, check=True
    )
    told = {"doctor": done.stdout + done.stderr}
    assert "MY_PROVIDER_KEY is set" in told["doctor"]
    assert "MY_LATER_KEY is not set" in told["doctor"]
    assert without(told, "doctor") == []
    assert leaks(told) == []
