"""The short cut of frames: columns straight from a journal that keeps them, equal to those made from signals."""

import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jido_nb.analysis.column import Column
from jido_nb.analysis.frames.events import events_df
from jido_nb.analysis.source import opened
from jido_nb.analysis.stored import stored_table, unpacked
from jido_nb.core.signal import Signal
from jido_nb.errors import ClosedError, ConfigError, JournalError
from jido_nb.journal.columns import PAGE_ROWS, ColumnReader
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.packed import PACKED_BYTES, PACKED_ROWS, Packed
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal
from jido_nb.testing.hostile import HOSTILE

IDS = pa.schema([("id", pa.string())])

# Without half surrogates, which an id may not hold.
odd_texts = st.text("\x1f\x00\x1e\x7f\xff\uffff\U0010ffffé,'\" \na", max_size=4)


@st.composite
def odd_signals(draw: st.DrawFn) -> list[Signal]:
    """Signals of one journal, whose texts hold whatever a text can hold."""
    return [
        signal(
            draw(st.sampled_from(["conv.in.message.received", "conv.out.assistant.delta", "conv.effect.llm.started"])),
            draw(st.sampled_from(["c1", "c\x1f2"])),
            id=f"{number}{draw(odd_texts)}",
            cause_id=draw(st.none() | st.sampled_from(["", "\x1f", "\x1f\x1f", "\0", "m1", "\xff"])),
            project_id=draw(st.none() | st.sampled_from(["", "p"])),
            content=draw(odd_texts),
            status=draw(st.none() | odd_texts),
            attempt=draw(st.none() | st.integers(-(2**63) + 1, 2**63 - 1)),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


def test_only_a_journal_with_columns_reads_columns(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    assert isinstance(journal, ColumnReader)
    assert not isinstance(MemoryJournal(), ColumnReader)
    with pytest.raises(ConfigError, match="Did you mean 'lifecycle'"):
        journal.read_columns(["lifecycl"])
    assert list(journal.read_columns(["id"])) == []
    journal.close()


@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS, PACKED_ROWS - 1, PACKED_ROWS, PACKED_ROWS + 1, 3 * PACKED_ROWS])
def test_pages_lose_and_repeat_nothing(tmp_path: Path, count: int) -> None:
    signals = [
        signal(
            ("conv.in.message.received", "conv.in.timer.tick")[number % 2],
            f"c{number % 3}",
            id=f"m{number}",
            content="ü" * (number % 7),
            project_id="p" if number % 5 == 0 else None,
        )
        for number in range(count)
    ]
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    journal.append(signals)
    for filters in ({}, {"subject": "c1"}, {"types": "conv.in.timer.*"}, {"types": "**", "subject": "c2"}):
        pd.testing.assert_frame_equal(events_df(journal, **filters), events_df(signals, **filters))  # type: ignore[arg-type]
    rows = [row for page in journal.read_columns(["id"]) for row in page]
    assert rows == [(f"m{number}", number + 1) for number in range(count)]
    journal.close()


@settings(deadline=None, max_examples=60)
@given(odd_signals())
def test_whatever_a_text_holds_comes_back(signals: list[Signal]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteJournal(Path(folder) / "runs.sqlite")) as journal:
        journal.append(signals)
        one_by_one = [*events_df.columns, Column("own", "int64", lambda recorded: recorded.seq)]
        slow = events_df(journal, columns=one_by_one).drop(columns="own")
        pd.testing.assert_frame_equal(events_df(journal), slow)
        pd.testing.assert_frame_equal(events_df(journal, subject="c1"), events_df(signals, subject="c1"))


def test_hostile_texts_come_back(tmp_path: Path) -> None:
    signals = [signal(id=name, content=text, project_id=name) for name, text in HOSTILE.items()]
    with closing(SqliteJournal(tmp_path / "runs.sqlite")) as journal:
        journal.append(signals)
        pd.testing.assert_frame_equal(events_df(journal), events_df(signals))


def test_rows_too_large_to_be_packed_are_read_all_the_same(tmp_path: Path) -> None:
    sizes = [*range(20), PACKED_BYTES // 2, PACKED_BYTES // 3, *range(20), PACKED_BYTES + 1, PACKED_BYTES // 2, 1]
    signals = [signal(id=f"m{place}", content="x" * size) for place, size in enumerate(sizes)]
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    journal.append(signals)
    kept = events_df(journal, columns=["seq", "id", "data"])
    assert kept["seq"].to_list() == list(range(1, len(sizes) + 1))
    assert kept["data"].to_list() == [each.body.decode() for each in signals]
    pages = list(journal.read_columns(["body"]).packed())
    assert [page.last_seq for page, packed in pages if packed is None] == [sizes.index(PACKED_BYTES + 1) + 1]
    journal.close()


def test_a_page_that_is_not_certain_is_refused() -> None:
    in_order = {"seq": b"1\x1f2", "id": b"a\x1fb"}
    assert unpacked(Packed(2, in_order), ("id",), IDS).to_pylist() == [{"id": "a"}, {"id": "b"}]
    for columns in (
        {"seq": b"2\x1f1", "id": b"a\x1fb"},
        {"seq": b"1\x1f2", "id": b"a\x1fb\x1fc"},
        {"seq": b"1\x1f2", "id": b"a\x1f\xc3"},
    ):
        with pytest.raises(pa.ArrowInvalid):
            unpacked(Packed(2, columns), ("id",), IDS)


def test_few_rows_among_many_are_few_parts(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    journal.append([signal(id=f"m{n}", subject="rare" if n == 7 else "c", content="") for n in range(3 * PACKED_ROWS)])
    assert len(journal.read_columns(["id"]).parts()) == 3
    assert len(journal.read_columns(["id"], subject="rare").parts()) == 1
    journal.close()


def test_numbers_left_out_by_the_million_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([signal(id=f"m{number}", content="") for number in range(2 * PACKED_ROWS)])
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE signals SET seq = ? WHERE seq = ?", (2**62, 2 * PACKED_ROWS))
    with opened(path) as found:
        columns = found.read_columns(["id"])
        assert columns is not None
        assert len(columns.parts()) < 4
    assert len(events_df(path, columns=["id"])) == 2 * PACKED_ROWS


def test_a_text_that_is_none_is_a_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([signal(id="m1", content="")])
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE signals SET source = CAST(x'C328' AS TEXT)")
    with pytest.raises(JournalError, match="UTF-8"):
        events_df(path)


def test_a_fault_ends_all_that_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([signal(id=f"m{number}", content="x" * 200) for number in range(4 * PACKED_ROWS)])
        columns = journal.read_columns(["id"])
    with pytest.raises(ClosedError):
        stored_table(columns, IDS)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * path.stat().st_size)
    with pytest.raises(JournalError, match="damaged"):
        events_df(path)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jido_nb-columns")]
