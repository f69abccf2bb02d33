"""Scenes on a disk of its own: `python -m tests.runtime.disks.on_a_disk SCENE FOLDER`, where FOLDER is the disk.

The disk is this process's alone and goes with it. A scene that does not hold fails by its assertion.
"""

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import anyio
import pytest

import jido_nb
from jido_nb.errors import ConfigError, JournalError
from jido_nb.journal.jsonl import JsonlJournal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.notebook.journal_place import VARIABLE, journal_place
from jido_nb.runtime.opening import open_runtime
from jido_nb.testing.builders import signal
from jido_nb.testing.scripted_backend import Complete, Delta, ScriptedBackend, Started, Wait

HANGING = [Started("ref"), Delta("a"), Wait()]
ANSWER = [Started("ref"), Delta("hello"), Complete()]
FULL = "disk is full|No space left|free some space"
EXPORTS = (jido_nb.export_jsonl, jido_nb.to_parquet)
LIMIT_S = 60


@contextmanager
def full(disk):
    """Gives what fills it: after that nothing more fits inside the block."""
    ballast = disk / "ballast"

    def fill():
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(1 << 12)):
                pass
        assert shutil.disk_usage(disk).free == 0

    try:
        yield fill
    finally:
        ballast.unlink()


def make_read_only(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        (disk / "x").write_text("x")


DYING = """
import os, sys
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
SqliteJournal(sys.argv[1]).append([signal(id="kept")])
os._exit(0)
"""


def write_and_die(path):
    subprocess.run([sys.executable, "-c", DYING, str(path)], check=True)


def scripted(script):
    backend = ScriptedBackend([script])

    @asynccontextmanager
    async def opener(_):
        yield backend

    sys.modules["backend_on_a_disk"] = SimpleNamespace(opener=opener)
    backends = {"scripted": {"module": "backend_on_a_disk:opener"}}
    llm = {"default_backend": "scripted", "default_provider": "acme", "default_model": "m", "backends": backends}
    return backend, jido_nb.Settings.model_validate({"llm": llm})


async def answered(path, text="hello"):
    async with open_runtime(scripted(ANSWER)[1], path) as runtime:
        assert (await (await runtime.conversation("c").send("again")).result()).text == text
        await runtime.idle()
        return runtime.health().recovered


async def it_fills_while_a_stream_runs(disk, name):
    path = disk / name
    backend, settings = scripted(HANGING)
    with full(disk) as fill:
        async with open_runtime(settings, path) as runtime:
            turn = await runtime.conversation("c").send("hi")
            async for event in turn:
                if event.kind == "delta":
                    break
            fill()
            with pytest.raises(JournalError, match=FULL):
                await runtime.conversation("c").send("x" * 100_000)
            await turn.cancel()  # which is not written, and ends the call of the backend all the same
            assert len(backend.closed) == 1
            with pytest.raises(JournalError, match=FULL):
                await turn.result()
            assert "journal stopped" in runtime.health().problems[0]
    await goes_on(path)


async def goes_on(path):
    """What was cut off by a full disk is put in order when there is room."""
    assert await answered(path) == 1
    assert jido_nb.replay(path).identical
    first, second = jido_nb.turns_df(path).sort_values("seq").itertuples()
    assert (first.status, first.text, second.status, second.text) == ("failed", "a", "completed", "hello")
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def it_fills_in_mid_batch(disk, kind, name):
    with closing(kind(disk / name)) as journal:
        journal.append([signal(id="before")])
        with full(disk) as fill:
            fill()
            for count in (1, 50):
                with pytest.raises(JournalError, match=FULL):
                    journal.append([signal(id=str(number), content="x" * 5000) for number in range(count)])
        assert [r.signal.id for r in journal.read()] == ["before"]
        assert journal.append([signal(id="after")])[0].recorded.seq == 2
    with closing(kind(disk / name, read_only=True)) as journal:
        assert [r.signal.id for r in journal.read()] == ["before", "after"]


async def it_is_full_before(disk):
    await answered(disk / "runs.sqlite")
    with full(disk) as fill:
        fill()
        for place in ("new.sqlite", "new.jsonl"):
            with pytest.raises(JournalError, match=FULL):
                await answered(disk / place)
        with pytest.raises(JournalError, match=FULL):
            await answered(disk / "runs.sqlite")
        # What is there can be read; what is written of it is there whole or not at all, and says why not.
        assert jido_nb.replay(disk / "runs.sqlite").identical
        for export in EXPORTS:
            with pytest.raises(ConfigError, match=f"{disk / 'out'}.*No space left"):
                export(disk / "runs.sqlite", disk / "out")
        recording = jido_nb.Settings(recording={"mode": "record", "path": str(disk / "tape.jsonl")})
        async with open_runtime(recording, None) as runtime:
            turn = await runtime.conversation("c", model="simulated:echo").send("hi")
            assert (await turn.result()).text
            with pytest.raises(JournalError, match=FULL):
                await runtime.recordings.flush()
    left = {path.name: path.stat().st_size for path in disk.rglob("*") if path.is_file()}
    assert {name for name, size in left.items() if size > 100} == {"runs.sqlite"}, left
    assert await answered(disk / "runs.sqlite") == 0


async def it_is_read_only(disk):
    await answered(disk / "runs.sqlite")
    await answered(disk / "runs.jsonl")
    make_read_only(disk)
    before = {path.name: path.read_bytes() for path in disk.iterdir()}
    for name in ("runs.sqlite", "runs.jsonl", "new.sqlite", "new.jsonl"):
        with pytest.raises(JournalError, match=name):
            await answered(disk / name)
    with pytest.raises(JournalError, match=r"read-only.*read_only=True"):
        SqliteJournal(disk / "runs.sqlite")
    for name in ("runs.sqlite", "runs.jsonl"):
        assert list(jido_nb.turns_df(disk / name).text) == ["hello"]
        assert jido_nb.replay(disk / name).identical
        for export in EXPORTS:
            with pytest.raises(ConfigError, match=f"{disk / 'out'}.*Read-only file system"):
                export(disk / name, disk / "out")
    assert journal_place({VARIABLE: str(disk / "study.ipynb")}) is None
    assert {path.name: path.read_bytes() for path in disk.iterdir()} == before


async def a_killed_process_left_it_read_only(disk):
    write_and_die(disk / "runs.sqlite")
    assert (disk / "runs.sqlite-wal").stat().st_size
    make_read_only(disk)
    with closing(SqliteJournal(disk / "runs.sqlite", read_only=True)) as journal:
        assert [r.signal.id for r in journal.read()] == ["kept"]


class Scene(NamedTuple):
    play: Callable
    args: tuple = ()
    size: str = "2m"


SCENES = {
    "a file fills while a stream runs": Scene(it_fills_while_a_stream_runs, ("runs.sqlite",)),
    "lines fill while a stream runs": Scene(it_fills_while_a_stream_runs, ("runs.jsonl",)),
    "a file fills in mid-batch": Scene(it_fills_in_mid_batch, (SqliteJournal, "runs.sqlite")),
    "lines fill in mid-batch": Scene(it_fills_in_mid_batch, (JsonlJournal, "runs.jsonl")),
    "it is full before": Scene(it_is_full_before),
    "it is read-only": Scene(it_is_read_only),
    "a killed process left it read-only": Scene(a_killed_process_left_it_read_only),
}


async def play(scene, disk):
    with anyio.fail_after(LIMIT_S):
        await scene.play(disk, *scene.args)


if __name__ == "__main__":
    logging.disable()
    anyio.run(play, SCENES[sys.argv[1]], Path(sys.argv[2]))
    print("done")
