"""A journal as lines of JSON keeps the contract, and its file is read by anything that reads JSON."""

import json
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from jido_nb.core.catalogue import MESSAGE_RECEIVED
from jido_nb.core.contract import normalize
from jido_nb.errors import JournalError
from jido_nb.journal.jsonl import JsonlJournal, from_line, to_line
from jido_nb.journal.open import open_journal
from jido_nb.journal.protocol import Journal
from jido_nb.testing.builders import signal, story
from jido_nb.testing.journal_suite import DurableJournalContract, JournalFactory, Reopen


class TestJsonlJournal(DurableJournalContract):
    @pytest.fixture
    def journal_factory(self, tmp_path: Path) -> JournalFactory:
        return lambda: JsonlJournal(tmp_path / f"{uuid4()}.jsonl")

    @pytest.fixture
    def reopen(self) -> Reopen:
        def again(journal: Journal) -> Journal:
            journal.close()
            return JsonlJournal(journal.location)

        return again


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def test_the_name_of_a_file_says_its_kind_and_each_line_is_one_signal(path: Path) -> None:
    told = story(retries=1)
    with closing(open_journal(str(path))) as journal:
        journal.append(told)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["id"], line["type"], line["data"]) for line in lines] == [(s.id, s.type, dict(s.data)) for s in told]
    with closing(open_journal(path, read_only=True)) as journal:
        kept = [recorded.signal for recorded in journal.read()]
        assert kept == told
        assert [each.body for each in kept] == [each.body for each in told]
        with pytest.raises(JournalError, match="reading only"):
            journal.append([signal()])


@pytest.mark.parametrize("value", [1e300, "line\u2028end\r\n", "☃", {"deep": [None, True, 1]}])
def test_every_payload_survives_its_line(value: object) -> None:
    raw: dict[str, object] = {"type": MESSAGE_RECEIVED, "subject": "c", "contract_major": 1}
    raw["data"] = {"message_id": "m", "ingress": "test", "value": value}
    told = normalize(raw, new_id=lambda: "m", now_us=lambda: 1_767_225_600_000_001)
    line = to_line(told)
    assert line.count(b"\n") == 1
    assert (from_line(line), from_line(line).body) == (told, told.body)


def test_a_line_that_was_not_finished_was_never_acknowledged(path: Path) -> None:
    with closing(JsonlJournal(path)) as journal:
        journal.append([signal(id="a"), signal(id="b")])
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with closing(JsonlJournal(path, read_only=True)) as journal:
        assert [recorded.signal.id for recorded in journal.read()] == ["a"]
    with closing(JsonlJournal(path)) as journal:
        journal.append([signal(id="b")])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["a", "b"]


@pytest.mark.parametrize("text", ["not json\n", "{}\n", '{"id": 1}\n', "[]\n"])
def test_what_is_no_journal_is_left_as_it_was(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(JournalError, match="line 1 is not a signal"):
        JsonlJournal(path)
    assert path.read_text() == text


def test_a_journal_to_read_must_be_there(path: Path) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        open_journal(path, read_only=True)
    with pytest.raises(JournalError, match="cannot open"):
        JsonlJournal(path.parent / "nowhere" / "log.jsonl")


def test_two_writers_of_one_file_are_told_apart(path: Path) -> None:
    with closing(JsonlJournal(path)) as one, closing(JsonlJournal(path)) as other:
        one.append([signal(id="a")])
        with pytest.raises(JournalError, match="changed by somebody else"):
            other.append([signal(id="b")])
        assert other.last_seq() == 0
        one.append([signal(id="c")])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["a", "c"]
