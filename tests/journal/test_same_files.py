"""A journal whose file is taken away or exchanged while it is open acknowledges nothing more."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jido_nb.errors import JournalError
from jido_nb.journal.open import open_journal
from jido_nb.testing.builders import signal


def _delete(path: Path) -> None:
    path.unlink()


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def _replace(path: Path) -> None:
    other = path.with_name(f"other{path.suffix}")
    with closing(open_journal(other)) as journal:
        journal.append([signal(id="other")])
    os.replace(other, path)


def _copy_over(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    os.replace(copy, path)


def _delete_the_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.parametrize(
    ("name", "attack", "reason"),
    [
        ("runs.sqlite", _delete, "runs.sqlite was deleted or moved"),
        ("runs.sqlite", _move, "runs.sqlite was deleted or moved"),
        ("runs.sqlite", _replace, "runs.sqlite was replaced by another file"),
        ("runs.sqlite", _copy_over, "runs.sqlite was replaced by another file"),
        ("runs.sqlite", _delete_the_log, "runs.sqlite-wal was deleted or moved"),
        ("runs.jsonl", _delete, "runs.jsonl was deleted or moved"),
        ("runs.jsonl", _move, "runs.jsonl was deleted or moved"),
        ("runs.jsonl", _replace, "runs.jsonl was replaced by another file"),
        ("runs.jsonl", _copy_over, "runs.jsonl was replaced by another file"),
    ],
)
def test_what_would_be_written_to_a_file_that_is_gone_is_refused(
    tmp_path: Path, name: str, attack: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / name
    with closing(open_journal(path)) as journal:
        journal.append([signal(id="kept")])
        attack(path)
        with pytest.raises(JournalError, match=reason):
            journal.append([signal(id="lost")])


def test_what_was_deleted_can_be_read_as_long_as_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(open_journal(path)) as journal:
        journal.append([signal(id="kept")])
        assert journal.last_seq() == 1
        path.unlink()
        assert [recorded.signal.id for recorded in journal.read()] == ["kept"]


@pytest.mark.parametrize("read_only", [False, True])
def test_another_file_is_never_read_in_its_place(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "runs.sqlite"
    with closing(open_journal(path)) as journal:
        journal.append([signal(id="kept")])
    with closing(open_journal(path, read_only)) as journal:
        assert journal.last_seq() == 1
        _replace(path)
        with pytest.raises(JournalError, match="replaced by another file"):
            journal.find("other")
