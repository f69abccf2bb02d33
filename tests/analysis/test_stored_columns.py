"""The short cut of frames: columns straight from a journal that keeps them, equal to those made from signals."""

from pathlib import Path

import pandas as pd
import pytest

from jido_nb.analysis.frames.events import events_df
from jido_nb.errors import ConfigError
from jido_nb.journal.columns import PAGE_ROWS, ColumnReader
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal


def test_only_a_journal_with_columns_reads_columns(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    assert isinstance(journal, ColumnReader)
    assert not isinstance(MemoryJournal(), ColumnReader)
    with pytest.raises(ConfigError, match="Did you mean 'lifecycle'"):
        list(journal.read_columns(["lifecycl"]))
    assert list(journal.read_columns(["id"])) == []
    journal.close()


@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS])
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
    journal.close()
