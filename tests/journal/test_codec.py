"""Rows give signals back, and payloads are decoded only when somebody looks into them."""

import json
import pickle
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given

from jido_nb.core.signal import Signal, from_body
from jido_nb.journal.codec import COLUMNS, READ_COLUMNS, LazyData, decode_body, from_row, to_row
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import signal, story
from jido_nb.testing.journal_model import signals


def _through_a_row(told: Signal) -> Signal:
    row = dict(zip(COLUMNS, to_row(7, told), strict=True))
    seq, back = from_row(tuple(row[column] for column in READ_COLUMNS))
    assert seq == 7
    return back


@given(signals())
def test_a_row_gives_its_signal_back(told: Signal) -> None:
    back = _through_a_row(told)
    assert back == told
    assert back.body == told.body


def test_reading_decodes_no_payload_until_it_is_looked_into(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "runs.sqlite")
    journal.append(story(retries=1))
    records = list(journal.read())
    payloads = [recorded.signal.data for recorded in records]
    assert all(isinstance(data, LazyData) and not data.decoded for data in payloads)
    assert records[0].signal.cause_id is None
    assert records[0].signal.data["content"] == "Tell me a story."
    assert [data.decoded for data in payloads] == [True] + [False] * (len(payloads) - 1)
    journal.close()


def test_a_lazy_payload_is_a_mapping_like_its_dict() -> None:
    plain = {"a": 1, "b": [True, None], "": {"deep": 0.5}}

    def lazy() -> LazyData:
        return LazyData(json.dumps(plain).encode())

    assert lazy() == plain
    assert plain == lazy()
    assert lazy() == lazy()
    assert lazy() != {"a": 1}
    assert lazy() != [1]
    assert isinstance(lazy(), Mapping)
    assert {**lazy()} == dict(lazy().items()) == plain
    assert (len(lazy()), list(lazy()), "a" in lazy(), "x" in lazy()) == (3, list(plain), True, False)
    assert (lazy()["a"], lazy().get("x"), lazy().get("x", 5)) == (1, None, 5)
    with pytest.raises(KeyError):
        lazy()["x"]
    assert repr(lazy()) == repr(plain)
    assert pickle.loads(pickle.dumps(lazy())) == deepcopy(lazy()) == plain


def test_a_signal_that_was_read_survives_pickling() -> None:
    back = _through_a_row(signal(content="hello"))
    assert pickle.loads(pickle.dumps(back)) == back


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"a": 123456789012345678901234567890}', b'{"a":1e300,"b":-0.0,"c":18446744073709551616}', b'{"a":NaN}'],
)
def test_decoding_agrees_with_the_core(body: bytes) -> None:
    assert repr(decode_body(body)) == repr(from_body(body))


@pytest.mark.parametrize("body", [b"[1]", b"{", b""])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        decode_body(body)
