"""What may enter the log, and what is said about what may not."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.catalogue import STREAM_KEYS
from jido_nb.core.contract import DEFAULT_SOURCE, normalize
from jido_nb.core.signal import Signal, from_body, make_signal
from jido_nb.errors import ContractError, JidoError
from jido_nb.testing.strategies import json_values

NOW_US = 1_700_000_000_000_000
LONE_SURROGATE = "\ud800"


def accept(raw: Any, **options: Any) -> Signal:
    return normalize(raw, new_id=lambda: "fresh-id", now_us=lambda: NOW_US, **options)


def refuse(raw: Any, **options: Any) -> tuple[str, str]:
    """Field and reason of the refusal."""
    with pytest.raises(ContractError) as caught:
        accept(raw, **options)
    error = caught.value
    assert error.field
    assert error.reason
    assert str(error)
    assert isinstance(error, JidoError)
    assert not isinstance(error, ValueError)
    return error.field, error.reason


def raw(**changes: Any) -> dict[str, Any]:
    """A good audit signal with `changes`; a change to `...` leaves the key out."""
    good = {
        "id": "a1",
        "type": "conv.audit.note",
        "source": "/test",
        "subject": "c1",
        "contract_major": 1,
        "data": {"audit_id": "a1", "category": "note"},
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not ...}


def test_a_good_signal_comes_out_as_it_went_in() -> None:
    signal = accept(raw(time="2026-01-02T03:04:05.000006Z"))
    assert (signal.id, signal.type, signal.source, signal.subject) == ("a1", "conv.audit.note", "/test", "c1")
    assert signal.time == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert signal.data == {"audit_id": "a1", "category": "note"}
    assert signal.extensions == {"contract_major": 1}
    assert signal.body == b'{"audit_id":"a1","category":"note"}'


def test_what_is_left_out_is_filled_in_from_the_caller() -> None:
    signal = accept(raw(id=..., source=..., time=...))
    assert (signal.id, signal.source, signal.time_us) == ("fresh-id", DEFAULT_SOURCE, NOW_US)


@pytest.mark.parametrize("field", ["type", "source", "id", "subject"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "missing"), ("", "empty"), (" \n", "empty"), (7, "invalid"), (b"x", "invalid"), (["x"], "invalid")],
)
def test_each_name_must_be_text(field: str, value: Any, reason: str) -> None:
    assert refuse(raw(**{field: value})) == (field, reason)


@pytest.mark.parametrize("field", ["type", "source", "id", "subject"])
@pytest.mark.parametrize("bad", ["a\0b", f"a{LONE_SURROGATE}"])
def test_a_name_that_no_store_can_hold_is_refused(field: str, bad: str) -> None:
    prefix = "conv.audit." if field == "type" else ""
    assert refuse(raw(**{field: prefix + bad})) == (field, "invalid")


@pytest.mark.parametrize(
    "kind", ["conv", "conv.", "conv.audit", "Conv.audit.x", "conv.other.x", "other.audit.x", "xconv.in.y", "conv..x"]
)
def test_a_type_outside_the_five_streams_is_refused(kind: str) -> None:
    assert refuse(raw(type=kind)) == ("type", "unknown")


@pytest.mark.parametrize("stream", STREAM_KEYS)
def test_only_the_stream_of_a_type_is_fixed(stream: str) -> None:
    data = dict.fromkeys(STREAM_KEYS[stream], "x")
    assert accept(raw(type=f"conv.{stream}.", data=data)).type == f"conv.{stream}."
    assert accept(raw(type=f"conv.{stream}.any.thing.at.all", data=data))


@pytest.mark.parametrize(
    ("major", "reason"),
    [
        (..., "missing"),
        (None, "missing"),
        ("1", "invalid"),
        (0, "invalid"),
        (-1, "invalid"),
        (True, "invalid"),
        (1.0, "invalid"),
        (2, "unsupported"),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["at the top", "in extensions"])
def test_the_contract_version_must_be_one_we_speak(major: Any, reason: str, inside: bool) -> None:
    changes = {"contract_major": ..., "extensions": {} if major is ... else {"contract_major": major}}
    assert refuse(raw(**changes) if inside else raw(contract_major=major)) == ("contract_major", reason)


def test_the_version_in_extensions_wins() -> None:
    assert refuse(raw(contract_major=1, extensions={"contract_major": 2})) == ("contract_major", "unsupported")


@pytest.mark.parametrize("data", [None, [], "text", 3, ...])
def test_data_must_be_a_mapping(data: Any) -> None:
    assert refuse(raw(data=data)) == ("data", "not_map")


@pytest.mark.parametrize(("stream", "key"), [(stream, key) for stream, keys in STREAM_KEYS.items() for key in keys])
class TestRequiredKeys:
    def data(self, stream: str, key: str, value: Any) -> dict[str, Any]:
        data = {**dict.fromkeys(STREAM_KEYS[stream], "x"), key: value}
        return raw(type=f"conv.{stream}.x", data={k: v for k, v in data.items() if v is not ...})

    @pytest.mark.parametrize("value", [None, "", "  ", ...])
    def test_each_must_be_there(self, stream: str, key: str, value: Any) -> None:
        assert refuse(self.data(stream, key, value)) == (f"data.{key}", "missing")

    @pytest.mark.parametrize("value", [False, 0, 0.0, True, 12, "x"])
    def test_false_and_zero_are_values(self, stream: str, key: str, value: Any) -> None:
        """W-45: the original took False for missing."""
        assert accept(self.data(stream, key, value)).data[key] == value

    @pytest.mark.parametrize("value", [[], {}, ["x"], {"a": 1}])
    def test_none_is_a_container(self, stream: str, key: str, value: Any) -> None:
        """Names are looked up: the original's reducer would have had to hash a list."""
        assert refuse(self.data(stream, key, value)) == (f"data.{key}", "invalid")


def test_the_first_missing_key_in_declared_order_is_named() -> None:
    assert refuse(raw(data={})) == ("data.audit_id", "missing")


WRONG = {
    "type": (None, ("type", "missing")),
    "source": ("", ("source", "empty")),
    "id": (7, ("id", "invalid")),
    "subject": (None, ("subject", "missing")),
    "extensions": ([], ("extensions", "invalid")),
    "contract_major": ("1", ("contract_major", "invalid")),
    "time": ("yesterday", ("time", "invalid")),
    "data": ({"audit_id": object()}, ("data", "invalid")),
}


@pytest.mark.parametrize("first", range(len(WRONG)))
def test_the_first_check_that_fails_wins(first: int) -> None:
    names = list(WRONG)
    everything_from_here_is_wrong = {name: WRONG[name][0] for name in names[first:]}
    assert refuse(raw(**everything_from_here_is_wrong)) == WRONG[names[first]][1]


def test_an_unknown_stream_is_named_before_a_missing_version() -> None:
    assert refuse(raw(type="x.y", contract_major=...)) == ("type", "unknown")


@pytest.mark.parametrize("value", [None, 3, "text", ["a"], object()])
def test_a_signal_is_a_mapping_or_a_signal(value: Any) -> None:
    assert refuse(value) == ("signal", "invalid")


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        ({"conversation_id": "c7"}, "c7"),
        ({"conversation_id": "c 7", "project_id": "p/1"}, "project/p%2F1/conversation/c+7"),
        ({"conversation_id": "c7", "project_id": " "}, "c7"),
        ({"subject": "s1", "conversation_id": "c7", "project_id": "p1"}, "s1"),
    ],
)
def test_a_conversation_id_stands_for_the_subject(names: dict[str, Any], subject: str) -> None:
    assert accept(raw(**{"subject": ..., **names})).subject == subject


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        ({}, ("subject", "missing")),
        ({"project_id": "p1"}, ("subject", "missing")),
        ({"conversation_id": 7}, ("subject", "invalid")),
        ({"conversation_id": 7, "project_id": "p1"}, ("subject", "invalid")),
        ({"conversation_id": " ", "project_id": "p1"}, ("subject", "empty")),
        ({"conversation_id": LONE_SURROGATE, "project_id": "p1"}, ("conversation_id", "invalid")),
    ],
)
def test_a_bad_conversation_id_is_a_bad_subject(names: dict[str, Any], refusal: tuple[str, str]) -> None:
    assert refuse(raw(subject=..., **names)) == refusal


def test_the_project_is_kept_as_an_extension_that_does_not_override() -> None:
    assert accept(raw(project_id="p1")).project_id == "p1"
    assert accept(raw(project_id="p1", extensions={"project_id": "p2"})).project_id == "p2"
    assert accept(raw(project_id=" ")).project_id is None


def test_unknown_keys_become_extensions_and_none_is_none_of_them() -> None:
    signal = accept(raw(traceparent="00-1", nothing=None, extensions={"weight": 2.5, "gone": None}))
    assert signal.extensions == {"contract_major": 1, "traceparent": "00-1", "weight": 2.5}


@pytest.mark.parametrize(("given_as", "where"), [("option", {}), ("extension", {"cause_id": "m1"})])
def test_a_cause_is_an_extension(given_as: str, where: dict[str, Any]) -> None:
    options = {"cause_id": "m1"} if given_as == "option" else {}
    assert accept(raw(extensions=where), **options).cause_id == "m1"


@pytest.mark.parametrize("cause", ["", " ", 3, ["m1"]])
def test_a_cause_must_be_an_id(cause: Any) -> None:
    assert refuse(raw(extensions={"cause_id": cause})) == ("cause_id", "invalid")


@pytest.mark.parametrize("version", ["1.0", "1.0.2"])
def test_cloudevents_1_0_is_understood(version: str) -> None:
    assert "specversion" not in accept(raw(specversion=version)).extensions


@pytest.mark.parametrize("version", ["2.0", "0.3", None, 1])
def test_other_cloudevents_are_not(version: Any) -> None:
    assert refuse(raw(specversion=version)) == ("specversion", "unsupported")


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("2026-01-02T03:00:00Z", 3),
        ("2026-01-02T03:00:00", 3),
        ("2026-01-02T03:00:00+02:00", 1),
        (datetime(2026, 1, 2, 3), 3),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=-5))), 8),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(time: Any, hour: int) -> None:
    assert accept(raw(time=time)).time == datetime(2026, 1, 2, hour, tzinfo=UTC)


@pytest.mark.parametrize("time", ["noon", 17, 1.5, [], True, "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01"])
def test_a_time_that_is_none_is_refused(time: Any) -> None:
    assert refuse(raw(time=time)) == ("time", "invalid")


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"])
def test_the_first_and_the_last_moment_come_back_as_they_were(time: str) -> None:
    signal = accept(raw(time=time))
    assert signal.time == datetime.fromisoformat(time).replace(tzinfo=UTC)
    assert accept(signal) == signal


def test_a_signal_of_no_year_is_refused() -> None:
    signal = msgspec.structs.replace(accept(raw()), time_us=10**18)
    with pytest.raises(ContractError, match="years 1 to 9999") as refused:
        accept(signal)
    assert (refused.value.field, refused.value.reason) == ("time", "invalid")


def holding_itself() -> dict[str, Any]:
    values: dict[str, Any] = {"text": LONE_SURROGATE}
    values["self"] = values
    return values


def nested(depth: int, core: Any = "x") -> Any:
    for _ in range(depth):
        core = {"inner": core}
    return core


BAD_VALUES = {
    "nan": float("nan"),
    "infinity": float("-inf"),
    "object": object(),
    "function": len,
    "bytes that are no text": b"\xff",
    "a number beyond any reader": 10**5000,
    "itself": holding_itself(),
    "too deep": nested(300),
    "far too deep": nested(5000),
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
@pytest.mark.parametrize("place", ["data", "extensions"])
def test_values_that_json_cannot_hold_are_refused(value: Any, place: str) -> None:
    changes: dict[str, Any] = {"extra": value}
    if place == "data":
        changes = {"data": {"audit_id": "a1", "category": "note", "deep": {"down": [value]}}}
    assert refuse(raw(**changes)) == (place, "invalid")


def test_text_that_a_model_broke_is_stored_with_a_mark() -> None:
    signal = accept(raw(data={"audit_id": "a1", "category": "note", "text": f"half {LONE_SURROGATE}"}))
    assert signal.data["text"] == "half \ufffd"
    assert from_body(signal.body) == signal.data


def test_any_mapping_will_do() -> None:
    signal = accept(MappingProxyType(raw(data=MappingProxyType({"audit_id": "a1", "category": "note"}))))
    assert type(signal.data) is dict


@given(json_values(), json_values())
def test_what_is_applied_is_what_is_stored(value: Any, other: Any) -> None:
    signal = accept(raw(data={"audit_id": "a1", "category": "note", "value": value}, other=other))
    assert from_body(signal.body) == signal.data
    assert accept(signal) == signal


@given(st.dictionaries(st.text(max_size=5), json_values(), max_size=3))
def test_nothing_is_shared_with_the_caller(values: dict[str, Any]) -> None:
    given = raw(data={"audit_id": "a1", "category": "n", "deep": {"list": [values]}}, extensions={"deep": [values]})
    signal = accept(given)
    before = copy.deepcopy(signal)
    scribble(given)
    assert signal == before
    assert signal.body == before.body


def test_a_signal_from_outside_is_copied_and_checked_like_a_mapping() -> None:
    data = {"audit_id": "a1", "category": "note", "list": [1]}
    given = Signal("a1", "conv.audit.note", "/test", "c1", NOW_US, data, {"contract_major": 1}, b"not the body")
    signal = accept(given, cause_id="m1")
    data["list"].append(2)  # type: ignore[attr-defined]
    assert signal.data["list"] == [1]
    assert from_body(signal.body) == signal.data
    assert (signal.cause_id, given.cause_id) == ("m1", None)
    assert signal.time_us == NOW_US


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("type", "conv.else.x", ("type", "unknown")),
        ("subject", "", ("subject", "empty")),
        ("extensions", {}, ("contract_major", "missing")),
        ("data", {"audit_id": "a1"}, ("data.category", "missing")),
    ],
)
def test_a_bad_signal_from_outside_is_refused(field: str, value: Any, refusal: tuple[str, str]) -> None:
    fields: dict[str, Any] = {
        "id": "a1",
        "type": "conv.audit.note",
        "source": "/test",
        "subject": "c1",
        "time_us": NOW_US,
        "data": {"audit_id": "a1", "category": "note"},
        "extensions": {"contract_major": 1},
    }
    assert refuse(make_signal(**{**fields, field: value})) == refusal


KEYS = st.sampled_from(["id", "type", "source", "subject", "time", "data", "extensions", "contract_major", "x"]) | (
    st.text(max_size=3)
)
ANYTHING = json_values() | st.just(float("nan")) | st.just(LONE_SURROGATE) | st.binary(max_size=2)


@given(st.dictionaries(KEYS, ANYTHING, max_size=6))
def test_anything_gives_a_signal_or_a_contract_error(changes: dict[str, Any]) -> None:
    try:
        signal = accept({**raw(), **changes})
    except ContractError:
        pass  # any other error fails the test
    else:
        assert from_body(signal.body) == signal.data


def scribble(value: Any) -> None:
    """Change everything that can be changed inside `value`."""
    if isinstance(value, list):
        for item in value:
            scribble(item)
        value.append("scribble")
    elif isinstance(value, Mapping):
        for item in value.values():
            scribble(item)
        value["scribble"] = "scribble"  # type: ignore[index]
