"""`open_journal` understands what people write for a journal, and says what it does not."""

from contextlib import closing
from pathlib import Path

import pytest

from jido_nb.core.catalogue import CATALOGUE
from jido_nb.core.reducer import effect_id_of
from jido_nb.errors import ConfigError, JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.open import open_journal
from jido_nb.journal.protocol import REQUESTS
from jido_nb.testing.builders import signal


@pytest.mark.parametrize("source", [None, ":memory:", "sqlite://", "sqlite:///:memory:"])
def test_nothing_and_memory_open_a_journal_in_memory(source: str | None) -> None:
    assert isinstance(open_journal(source), MemoryJournal)


def test_paths_and_urls_of_one_file_open_the_same_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my runs.sqlite"
    sources = (
        file,
        str(file),
        "my runs.sqlite",
        "sqlite:///my%20runs.sqlite",
        f"sqlite:///{file}",
        f"SQLITE:///{file}",
    )
    for number, source in enumerate(sources, 1):
        with closing(open_journal(source)) as journal:
            assert journal.location == str(file.resolve())
            assert journal.append([signal(id=str(number))])[0].recorded.seq == number


def test_an_open_journal_is_given_back() -> None:
    journal = MemoryJournal()
    assert open_journal(journal) is journal


def test_a_journal_to_read_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        open_journal(tmp_path / "nothing.sqlite", read_only=True)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("postgresql://me:secret@host/db?colour=red", "not a URL of PostgreSQL"),
        ("postgres://me:secret@host/db?schema=a-b", "schema='a-b' is not a name"),
        ("sqlit:///x", "Did you mean 'sqlite'"),
        ("http://host/x", "known: a path, sqlite://"),
        ("sqlite://host/x", "write sqlite:///relative"),
        ("sqlite:///", "write sqlite:///relative"),
        ("x" * 300 + ".sqlite", "no path that a journal can have: .*too long"),
        ("a\0b.jsonl", "no path that a journal can have: .*null"),
        ("~nobody-of-that-name/runs.sqlite", "no path that a journal can have"),
        ("", "a path, a URL"),
        (7, "a path, a URL"),
    ],
)
def test_what_names_no_journal_is_refused_without_telling_secrets(source: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        open_journal(source)  # type: ignore[arg-type]
    assert refused.value.field == "journal"
    assert "secret" not in f"{refused.value} {refused.value.value}"


@pytest.mark.parametrize("type", REQUESTS)
def test_journals_and_reducer_agree_on_the_effect_of_a_request(type: str) -> None:
    assert effect_id_of(signal(type, id="m1")) == f"{REQUESTS[type]}m1"


def test_every_request_of_the_reducer_is_known_to_journals() -> None:
    assert {type for type in CATALOGUE if effect_id_of(signal(type)) is not None} == set(REQUESTS)
