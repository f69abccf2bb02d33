"""The envelope and the bytes of its payload."""

import gc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jido_nb.core.signal import from_body, is_body, is_unicode, to_body, to_time_us, well_formed
from jido_nb.testing.builders import signal
from jido_nb.testing.strategies import json_values

ANY_TEXT = st.text(st.characters(codec=None))


def test_a_signal_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        signal().id = "other"  # type: ignore[misc]


def test_signals_that_say_the_same_are_equal_in_any_order_of_keys() -> None:
    one, other = signal(id="1", a=1, b=2), signal(id="1", b=2, a=1)
    assert one == other
    assert one.body != other.body
    assert one != signal(id="1", a=1, b=3)
    assert one != "1"
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_a_signal_shows_what_it_says_once() -> None:
    shown = repr(signal(id="1", a="only once"))
    assert shown.startswith("Signal(id='1', type=")
    assert shown.count("only once") == 1


def test_the_garbage_collector_passes_signals_by() -> None:
    assert not gc.is_tracked(signal(a={"b": []}))


def test_what_is_not_said_is_none() -> None:
    silent = signal(extensions={})
    assert (silent.cause_id, silent.project_id, silent.contract_major) == (None, None, 1)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_kept_to_the_microsecond(moment: datetime) -> None:
    assert signal(time_us=to_time_us(moment)).time == moment


def test_a_time_without_a_zone_is_utc() -> None:
    naive = datetime(2026, 1, 2, 3)
    assert to_time_us(naive) == to_time_us(naive.replace(tzinfo=UTC))
    east = naive.replace(tzinfo=timezone(timedelta(hours=1)))
    assert to_time_us(east) == to_time_us(naive) - 3_600_000_000


@given(st.dictionaries(st.text(max_size=8), json_values(), max_size=4))
def test_a_body_gives_its_values_back_and_is_canonical(data: dict[str, Any]) -> None:
    body = to_body(data)
    assert from_body(body) == data
    assert to_body(from_body(body)) == body


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3))
def test_any_text_can_be_stored(data: dict[str, str]) -> None:
    body = to_body(data)
    body.decode()
    assert from_body(body) == well_formed(data)


@given(ANY_TEXT)
def test_well_formed_text_is_left_alone(text: str) -> None:
    assert is_unicode(well_formed(text))
    assert (well_formed(text) == text) == is_unicode(text)


def test_a_number_that_is_none_is_null_in_what_the_runtime_writes() -> None:
    assert signal("conv.audit.note", cost=float("nan")).body.endswith(b'"cost":null}')


@given(st.dictionaries(ANY_TEXT, json_values() | st.floats() | st.integers()))
@example({"one": 1e16, "other": 1e-7, "whole": -0.0, "large": 2**80, "none": float("nan")})
def test_values_are_known_by_what_is_stored_of_them_however_it_is_written(data: dict[str, Any]) -> None:
    body = to_body(data, "null")
    assert is_body(body, data)
    assert not is_body(body[:-1] + b" }", data)
    assert not is_body(body, {"data": data})


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"", b"{"])
def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(ValueError):
        from_body(body)
