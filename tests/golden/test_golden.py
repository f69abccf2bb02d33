"""What an earlier version wrote, this one reads, replays and tabulates as that one did."""

import gzip
import json
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

import jido_nb
from jido_nb.core.catalogue import CATALOGUE
from jido_nb.journal.open import open_journal

from ..journal.postgres_server import postgres_server
from .reading import columns_of, read, unpack
from .traffic import TRAFFIC

HERE = Path(__file__).parent
PACKED = sorted(HERE.glob("v*/*.sqlite.gz"))


def kept_of(packed: Path):
    return json.loads(gzip.decompress(packed.with_name(packed.name.replace(".sqlite.", ".json.")).read_bytes()))


@pytest.fixture(params=PACKED, ids=lambda path: f"{path.parent.name}-{path.name.partition('.')[0]}")
def packed(request):
    return request.param


@pytest.fixture
def journal(packed, tmp_path):
    """The golden journal, unpacked."""
    return unpack(packed, tmp_path)


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


def test_there_is_a_golden_journal_of_each_kind_of_traffic_and_of_each_type_of_signal():
    assert {path.name.partition(".")[0] for path in PACKED} == set(TRAFFIC)
    kept = [kept_of(path) for path in PACKED]
    types = {type for each in kept for type in each["tables"]["events_df"]["type"]}
    assert set(CATALOGUE) <= types


def test_it_reads_as_it_did(packed, journal):
    kept = kept_of(packed)
    assert kept["identical"] is True
    assert read(journal, columns_of(kept)) == kept


def test_it_reads_the_same_after_a_way_through_lines_of_json(packed, journal, tmp_path):
    kept, lines = kept_of(packed), tmp_path / "same.jsonl"
    with closing(open_journal(journal, read_only=True)) as source, closing(open_journal(lines)) as target:
        target.append([recorded.signal for recorded in source.read()])
    assert read(lines, columns_of(kept)) == kept


@pytest.mark.needs("postgres")
def test_it_reads_the_same_in_postgresql(packed, journal, server):
    kept, url = kept_of(packed), f"{server}?schema=golden_{uuid4().hex[:8]}"
    with closing(open_journal(journal, read_only=True)) as source, closing(open_journal(url)) as target:
        target.append([recorded.signal for recorded in source.read()])
    assert read(url, columns_of(kept)) == kept


def test_conversations_go_on_where_they_stopped(journal):
    before = jido_nb.events_df(journal)
    with jido_nb.Lab(journal) as lab:
        for subject in before.subject.unique():
            assert lab.conversation(subject, model="simulated:echo", backend="jido_ai").ask("and now?").text
    assert jido_nb.replay(journal).identical
    after = jido_nb.events_df(journal)
    assert after.id[: len(before)].equals(before.id)
    assert set(after.subject[len(before) :]) == set(before.subject)
