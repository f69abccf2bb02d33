"""Sources: every form gives the same signals, and what is none of them is refused in words."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from jido_nb.analysis.arrow import to_arrow
from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.frame import AnyFrame
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.source import opened, read_source
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError, JidoError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.journal.sqlite_schema import SCHEMA_VERSION


def memory(log: list[Recorded]) -> MemoryJournal:
    journal = MemoryJournal()
    journal.append([recorded.signal for recorded in log])
    return journal


FORMS: dict[str, Callable[[list[Recorded], Path], Any]] = {
    "path": lambda log, path: path,
    "path as text": lambda log, path: str(path),
    "url": lambda log, path: f"sqlite:///{path}",
    "journal": lambda log, path: memory(log),
    "lab or runtime": lambda log, path: SimpleNamespace(journal=memory(log)),
    "recorded": lambda log, path: log,
    "recorded in any order": lambda log, path: log[::-1],
    "signals": lambda log, path: [recorded.signal for recorded in log],
    "iterator": lambda log, path: iter(log),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_source_gives_the_same_signals(
    form: str, eventful_log: list[Recorded], sqlite_path: Path
) -> None:
    assert list(read_source(FORMS[form](eventful_log, sqlite_path))) == eventful_log


def test_a_conversation_is_its_part_of_the_journal(eventful_log: list[Recorded]) -> None:
    chat = SimpleNamespace(journal=memory(eventful_log), subject="c2")
    assert {recorded.signal.subject for recorded in read_source(chat)} == {"c2"}
    assert list(read_source(chat, subject="c2")) == list(read_source(chat))
    with pytest.raises(ConfigError, match=r"'c2'.*'c1'"):
        list(read_source(chat, subject="c1"))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        *((None, "NoneType"), (7, "int"), (object(), "object"), ([1, 2], "list of int"), (["conv.in"], "list of str")),
        *(({}, "dict"), ({"a": 1}, "dict"), (b"runs.sqlite", "bytes")),
        (pd.DataFrame({"seq": [1]}), "DataFrame of str"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_source_is_refused(value: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named} is not something to read signals from"):
        list(read_source(value))


def test_a_subject_that_is_no_text_is_refused(eventful_log: list[Recorded], sqlite_path: Path) -> None:
    for source in (eventful_log, sqlite_path):
        with pytest.raises(ConfigError, match="subject is a conversation's id such as 'weather', not 3"):
            events_df(source, subject=3)  # type: ignore[call-overload]


def test_a_bad_pattern_is_refused(eventful_log: list[Recorded], sqlite_path: Path) -> None:
    for source in (eventful_log, sqlite_path):
        with pytest.raises(ConfigError, match="pattern"):
            events_df(source, types="conv..x")


def test_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        events_df(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("content", [b"not a journal, but long enough to look into" * 40, b""])
def test_a_file_that_is_no_journal_is_an_error_and_stays_as_it_was(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(JidoError):
        events_df(path)
    assert path.read_bytes() == content


every_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


def of_version(path: Path, version: int) -> Path:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return path


@every_frame
def test_a_journal_of_a_newer_version_is_refused_with_the_way_out(frame: AnyFrame, sqlite_path: Path) -> None:
    with pytest.raises(JournalError, match=r"newer jido_nb .* upgrade jido_nb"):
        frame(of_version(sqlite_path, SCHEMA_VERSION + 1))


@every_frame
def test_a_database_of_another_program_is_refused(frame: AnyFrame, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.sqlite")
    connection.execute("CREATE TABLE signals (seq INTEGER PRIMARY KEY, id TEXT)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        frame(tmp_path / "other.sqlite")


@every_frame
def test_a_journal_without_signals_is_a_frame_without_rows(frame: AnyFrame, tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "new.sqlite").close()
    pd.testing.assert_frame_equal(frame(tmp_path / "new.sqlite"), frame([]))


def test_a_journal_that_was_cut_off_is_an_error_in_words(tmp_path: Path, eventful_log: list[Recorded]) -> None:
    path = tmp_path / "cut.sqlite"
    journal = SqliteJournal(path)
    for batch in range(40):
        journal.append([replace(r.signal, subject=f"{r.signal.subject}-{batch}") for r in eventful_log])
    journal.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(JournalError, match="damaged"):
        events_df(path)


def test_a_path_is_closed_after_reading_and_a_journal_stays_open(sqlite_path: Path) -> None:
    with opened(sqlite_path) as source:
        journal = source.journal
        assert journal is not None
    with pytest.raises(JidoError):
        journal.last_seq()
    ours = SqliteJournal(sqlite_path)
    events_df(ours)
    assert ours.last_seq() > 0
    ours.close()


WRITER = """
import json, sys
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
journal = SqliteJournal(sys.argv[1])
for line in sys.stdin:
    first, count = json.loads(line)
    journal.append([signal(id=f"m{number}", content=str(number)) for number in range(first, first + count)])
    print(journal.last_seq(), flush=True)
"""


def test_a_journal_that_another_process_is_writing_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for batch in range(3):
            writer.stdin.write(json.dumps([batch * 700, 700]) + "\n")
            writer.stdin.flush()
            assert int(writer.stdout.readline()) == (batch + 1) * 700
            frame = events_df(path)
            assert list(frame["seq"]) == list(range(1, (batch + 1) * 700 + 1))
        # What is written while a reader is at work does not reach that reader.
        reading = read_source(path)
        next(reading)
        writer.stdin.write(json.dumps([2100, 1]) + "\n")
        writer.stdin.flush()
        writer.stdout.readline()
        assert 1 + sum(1 for _ in reading) == 2100
        writer.stdin.close()


STORY = """
import sys
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import Storyteller
journal, teller = SqliteJournal(sys.argv[1]), Storyteller()
print("ready", flush=True)
while not sys.stdin.closed:
    for each in teller.turn(retries=1):
        journal.append([each])
    print(teller.seq, flush=True)
    if not sys.stdin.readline():
        break
"""


def test_every_frame_can_be_made_while_another_process_writes(tmp_path: Path) -> None:
    """What is seen is a beginning of the log, as it was at one moment, and never half a signal."""
    path = tmp_path / "live.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", STORY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for _ in range(4):
            writer.stdin.write("go on\n" * 10)
            writer.stdin.flush()
            tables = to_arrow(path)
            count = tables["events"].num_rows
            with closing(SqliteJournal(path, read_only=True)) as journal:
                log = list(journal.read(until_seq=count))
            assert {name: table.num_rows for name, table in tables.items()} == {
                name: len(frame(log)) for name, frame in FRAMES.items()
            }
        writer.stdin.close()
        assert [int(line) for line in writer.stdout][-1] >= 40
