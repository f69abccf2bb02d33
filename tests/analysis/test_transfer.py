"""A journal out and in again as lines of JSON: nothing is lost, and nothing bad gets in."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jido_nb import cli
from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.replay import replay
from jido_nb.analysis.transfer import BATCH, export_jsonl, import_jsonl
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError, JidoError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import Storyteller
from jido_nb.testing.journal_model import signals


def test_out_and_in_again_every_frame_is_equal_and_the_replay_identical(
    full_log: list[Recorded], full_path: Path, tmp_path: Path
) -> None:
    lines, copy = tmp_path / "out.jsonl", tmp_path / "copy.sqlite"
    assert export_jsonl(full_path, lines) == import_jsonl(lines, copy) == len(full_log)
    for frame in FRAMES.values():
        pd.testing.assert_frame_equal(frame(copy), frame(full_path))
    assert replay(copy).identical
    again = tmp_path / "again.jsonl"
    export_jsonl(copy, again)
    assert again.read_bytes() == lines.read_bytes()


def test_more_than_a_batch_is_kept_in_order(tmp_path: Path) -> None:
    teller = Storyteller()
    told: list[Any] = []
    while len(told) < 2 * BATCH + 1:
        told += teller.turn(f"c{len(told) % 7}")
    export_jsonl(told, tmp_path / "out.jsonl")
    journal = MemoryJournal()
    assert import_jsonl(tmp_path / "out.jsonl", journal) == len(told)
    assert [recorded.signal for recorded in journal.read()] == told
    assert replay(journal).identical


@given(told=st.lists(signals(), max_size=12))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_journal_holds_comes_back_to_the_byte(tmp_path: Path, told: list[Any]) -> None:
    before, after = MemoryJournal(), MemoryJournal()
    before.append(told)
    lines = tmp_path / "any.jsonl"
    export_jsonl(before, lines, overwrite=True)
    import_jsonl(lines, after)
    assert list(after.read()) == list(before.read())
    assert [r.signal.body for r in after.read()] == [r.signal.body for r in before.read()]


GOOD = {
    "id": "m1", "type": "conv.in.message.received", "source": "/x", "subject": "c1",
    "time": "2026-07-28T09:30:00.000001+00:00", "extensions": {"contract_major": 1}, "data": {"content": "hi"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "told"),
    [
        *((json.dumps({k: v for k, v in GOOD.items() if k != name}), f"line 2, field {name}: ") for name in GOOD),
        *((json.dumps({**GOOD, "id": "m2", name: 7}), f"line 2, field {name}: ") for name in GOOD),
        *((json.dumps({**GOOD, name: ""}), f"line 2, field {name}: it is empty") for name in ("id", "subject", "type")),
        (json.dumps({**GOOD, "id": "m2", "time": "yesterday"}), "line 2, field time: "),
        (json.dumps({**GOOD, "id": "m2", "data": [1]}), "line 2, field data: a signal's body is a JSON object"),
        (json.dumps(GOOD), "line 2, field id: 'm1' is on an earlier line already"),
        (json.dumps(GOOD)[:-9], "line 2: "),
        ("[]", "line 2: Expected `object`, got `array`"),
        ("seq,id,type", "line 2: JSON is malformed"),
        ("\udcff\udcfe", "line 2: "),
    ],
)
def test_a_bad_line_is_named_with_its_field_and_changes_nothing(tmp_path: Path, line: str, told: str) -> None:
    lines, target = tmp_path / "in.jsonl", tmp_path / "new.sqlite"
    lines.write_text(f"{json.dumps(GOOD)}\n{line}\n", errors="surrogateescape")
    with pytest.raises(JournalError) as refused:
        import_jsonl(lines, target)
    assert told in str(refused.value)
    assert "Nothing was imported" in str(refused.value)
    assert not target.exists()


def test_blank_lines_and_a_last_line_without_an_end_are_no_harm(tmp_path: Path) -> None:
    lines = tmp_path / "in.jsonl"
    lines.write_text(f"\n{json.dumps(GOOD)}\n\n{json.dumps({**GOOD, 'id': 'm2'})}")
    journal = MemoryJournal()
    assert import_jsonl(lines, journal) == 2
    assert [recorded.signal.id for recorded in journal.read()] == ["m1", "m2"]


def test_a_journal_that_holds_something_is_left_as_it_is(full_path: Path, tmp_path: Path) -> None:
    lines = tmp_path / "out.jsonl"
    count = export_jsonl(full_path, lines)
    with pytest.raises(JournalError, match=r"holds .* signals already; import into a new journal"):
        import_jsonl(lines, full_path)
    journal = SqliteJournal(full_path)
    assert journal.last_seq() == count
    journal.close()
    with pytest.raises(ConfigError, match="into itself"):
        import_jsonl(lines, lines)


def test_what_is_there_is_not_overwritten_unless_asked(full_path: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")
    with pytest.raises(ConfigError, match="there already"):
        export_jsonl(full_path, taken)
    assert taken.read_text() == "mine"
    export_jsonl(full_path, taken, overwrite=True)
    assert taken.read_text().startswith("{")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("out", ["nowhere/out.jsonl", "."])
def test_a_place_that_does_not_serve_is_named(full_path: Path, tmp_path: Path, out: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot write|there already"):
        export_jsonl(full_path, tmp_path / out, overwrite=True)


def test_a_conversation_alone_is_refused_because_its_places_would_change(full_log: list[Recorded]) -> None:
    journal = MemoryJournal()
    journal.append([recorded.signal for recorded in full_log])
    with pytest.raises(ConfigError, match="export the journal"):
        export_jsonl(SimpleNamespace(journal=journal, subject="c1"), io.BytesIO())


@pytest.mark.parametrize("missing", ["none.jsonl", "."])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, missing: str) -> None:
    with pytest.raises(JidoError, match="cannot read"):
        import_jsonl(tmp_path / missing, tmp_path / "new.sqlite")
    assert not (tmp_path / "new.sqlite").exists()


def test_from_the_command_line(full_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, copy = tmp_path / "out.jsonl", tmp_path / "copy.sqlite"
    assert cli.main(["export", str(full_path), str(lines)]) == 0
    assert cli.main(["import", str(lines), str(copy)]) == 0
    assert replay(copy).identical
    assert cli.main(["export", str(full_path), str(lines)]) == cli.WRONG_USE
    assert "there already" in capsys.readouterr().err
    lines.write_text("{}\n")
    assert cli.main(["import", str(lines), str(tmp_path / "other.sqlite")]) == cli.WRONG_USE
    assert "line 1, field id" in capsys.readouterr().err


def test_an_export_flows_into_other_programs(full_path: Path, full_log: list[Recorded]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jido_nb.cli", "export", str(full_path)], capture_output=True, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in told] == [recorded.signal.id for recorded in full_log]
    assert done.stderr.decode() == f"{len(full_log):,} signals\n"


def test_an_export_that_nobody_reads_on_ends_without_a_traceback(full_path: Path) -> None:
    command = [sys.executable, "-m", "jido_nb.cli", "export", str(full_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as export:
        assert export.stdout is not None
        assert export.stderr is not None
        export.stdout.close()
        assert export.stderr.read() == b""
        assert export.wait(60) == cli.NOT_READ
