"""Frames for other tools: as Arrow tables and Parquet files, whole, documented, of one moment."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jido_nb.analysis.arrow import to_arrow, to_parquet
from jido_nb.analysis.catalogue import FRAMES
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.testing.builders import signal


def test_a_journal_is_one_table_per_frame(full_log: list[Recorded], full_path: Path) -> None:
    tables = to_arrow(full_path)
    assert list(tables) == list(FRAMES)
    for name, table in tables.items():
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        pd.testing.assert_frame_equal(frame, FRAMES[name](full_log))
        assert [field.metadata[b"doc"].decode() for field in table.schema] == [c.doc for c in FRAMES[name].columns]


def test_some_frames_of_one_conversation(full_path: Path) -> None:
    tables = to_arrow(full_path, ["turns", "attempts"], subject="c2")
    assert list(tables) == ["turns", "attempts"]
    assert set(tables["attempts"]["conversation_id"].to_pylist()) == {"c2"}
    assert list(to_arrow(full_path, "events")) == ["events"]


def test_a_frame_is_a_table_and_labels_stay(full_log: list[Recorded]) -> None:
    attempts = attempts_df(full_log)
    assert to_arrow(attempts).equals(to_arrow(full_log, "attempts")["attempts"])
    matrix = to_arrow(retry_matrix(attempts, columns="backend"))
    assert matrix.column_names == ["harness", "jido_ai", "none", "error_category"]


def test_polars_and_duckdb_read_the_tables_as_they_are(full_log: list[Recorded], full_path: Path) -> None:
    tables = to_arrow(full_path)
    expected = attempts_df(full_log).groupby("outcome")["chunks"].sum().to_dict()
    for name, table in tables.items():
        assert polars.from_arrow(table).shape == table.shape
        connection = duckdb.connect()
        connection.register(name, table)
        assert connection.sql(f"SELECT count(*) FROM {name}").fetchall() == [(table.num_rows,)]
    attempts = tables["attempts"]
    found = polars.from_arrow(attempts).group_by("outcome").agg(polars.col("chunks").sum())
    assert dict(found.rows()) == expected
    assert dict(duckdb.sql("SELECT outcome, sum(chunks) FROM attempts GROUP BY 1").fetchall()) == expected


def test_parquet_files_hold_the_frames(full_log: list[Recorded], full_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "tables"
    files = to_parquet(full_path, folder)
    assert [file.name for file in files] == [f"{name}.parquet" for name in FRAMES]
    assert sorted(file.name for file in folder.iterdir()) == sorted(file.name for file in files)
    for name, frame in FRAMES.items():
        back = pd.read_parquet(folder / f"{name}.parquet", dtype_backend="pyarrow")
        pd.testing.assert_frame_equal(back, frame(full_log))
    assert polars.read_parquet(folder / "events.parquet").height == len(full_log)
    assert duckdb.sql(f"SELECT max(seq) FROM '{folder}/events.parquet'").fetchall() == [(len(full_log),)]
    (one,) = to_parquet(attempts_df(full_log), tmp_path / "attempts.parquet")
    assert pq.read_table(one).num_rows == len(attempts_df(full_log))


def test_an_empty_journal_gives_tables_without_rows(tmp_path: Path) -> None:
    tables = to_arrow([])
    assert {name: table.num_rows for name, table in tables.items() if table.num_rows} == {
        "telemetry": len(FRAMES["telemetry"]([]))
    }
    assert len(to_parquet([], tmp_path)) == len(FRAMES)


class Growing(MemoryJournal):
    """Somebody writes to it whenever it is read."""

    def read(self, **asked: Any) -> Any:
        self.append([signal(id=f"late-{self.last_seq()}")])
        return super().read(**asked)


def test_all_frames_of_a_journal_are_of_the_same_moment() -> None:
    journal = Growing()
    journal.append([signal(id="m1")])
    tables = to_arrow(journal)
    assert journal.last_seq() > 5
    assert tables["events"]["id"].to_pylist() == tables["turns"]["message_id"].to_pylist() == ["m1"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([], ["event"]), "no frame named 'event'. Did you mean 'events'"),
        ((pd.DataFrame({"a": [1]}), ["events"]), "a frame is made already"),
        ((7,), "not something to read signals from"),
    ],
)
def test_what_cannot_be_a_table_is_refused(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        to_arrow(*arguments)
    assert told in str(refused.value)


def test_a_place_that_does_not_serve_is_named_and_left_as_it_was(full_path: Path, tmp_path: Path) -> None:
    taken = tmp_path / "notes.txt"
    taken.write_text("mine")
    with pytest.raises(ConfigError, match="go to a folder"):
        to_parquet(full_path, taken)
    assert taken.read_text() == "mine"
    with pytest.raises(ConfigError, match="cannot write"):
        to_parquet(pd.DataFrame({"a": [1]}), tmp_path / "nowhere" / "a.parquet")
    with pytest.raises(JournalError):
        to_parquet(tmp_path / "none.sqlite", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables_are_arrow_tables() -> None:
    assert isinstance(to_arrow(pd.DataFrame({"a": [1]})), pa.Table)
