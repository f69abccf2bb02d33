"""The envelope of everything that happens: one immutable struct, built once.

Attribute names are those of CloudEvents 1.0 (`id`, `type`, `source`, `subject`, `time`, `data`, `extensions`).
`body` is the canonical JSON of `data`: the journal stores these bytes and the hash chain covers them, so that
what is proven is exactly what is kept.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
from pydantic_core import PydanticSerializationError, from_json, to_json

CONTRACT_MAJOR = 1

_encode = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Signal(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One fact of one conversation.

    `time_us` is microseconds since 1970 in UTC; `data` and `extensions` hold plain JSON values and must not be changed.
    Plain values hold no cycles, so the garbage collector need not look at signals.
    """

    id: str
    type: str
    source: str
    subject: str
    time_us: int
    data: Mapping[str, Any]
    extensions: Mapping[str, Any]
    body: bytes

    def __eq__(self, other: object) -> bool:
        # Not by the body, which says the same as the data and may say it in another order of keys.
        return self._facts() == other._facts() if isinstance(other, Signal) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # its data is a mapping

    def __repr__(self) -> str:
        named = zip(self.__struct_fields__, self._facts(), strict=False)
        return f"Signal({', '.join(f'{name}={value!r}' for name, value in named)})"

    def _facts(self) -> tuple[Any, ...]:
        return self.id, self.type, self.source, self.subject, self.time_us, self.data, self.extensions

    @property
    def time(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.time_us)

    @property
    def cause_id(self) -> str | None:
        return self.extensions.get("cause_id")

    @property
    def project_id(self) -> str | None:
        return self.extensions.get("project_id")

    @property
    def contract_major(self) -> int:
        return int(self.extensions.get("contract_major", CONTRACT_MAJOR))


class Recorded(NamedTuple):
    """A signal with its place in the journal: `seq` orders everything that was ever written to it."""

    seq: int
    signal: Signal


def to_time_us(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; a naive `moment` is taken as UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


FIRST_US, LAST_US = to_time_us(datetime.min), to_time_us(datetime.max)
"""What `Signal.time` can tell."""


def to_body(data: Mapping[str, Any], inf_nan_mode: Literal["null", "constants"] = "constants") -> bytes:
    """Canonical JSON of `data`, in key order of insertion. Raises ValueError for values that JSON cannot hold."""
    try:
        try:
            return to_json(data, inf_nan_mode=inf_nan_mode)
        except PydanticSerializationError:
            return to_json(well_formed(data), inf_nan_mode=inf_nan_mode)
    except RecursionError:
        raise ValueError("the values nest too deeply, or hold themselves") from None


def is_body(body: bytes, data: Mapping[str, Any]) -> bool:
    """Whether `body` is the JSON of `data`, as `to_body` writes it where a number that JSON lacks is null.

    msgspec is asked first, in a third of the time. The few numbers that it writes otherwise are left to `to_body`.
    """
    try:
        if _encode(data) == body:
            return True
    except Exception:  # noqa: S110  # what it cannot write, the other one may
        pass
    return to_body(data, "null") == body


def from_body(body: bytes | str) -> dict[str, Any]:
    """The plain values of a body; the inverse of `to_body` up to tuples and non-string keys."""
    value = from_json(body, cache_strings="keys")  # of its values few come again
    if not isinstance(value, dict):
        raise ValueError("a signal's body is a JSON object")
    return value


def values_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """`data`, or the dict behind it when a journal handed out a lazy mapping (one with `values_now`).

    For whoever looks up many keys: a dict answers ten times as fast.
    """
    return data if type(data) is dict else getattr(data, "values_now", data)


def is_unicode(text: str) -> bool:
    """Whether `text` can be stored as UTF-8: it holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def well_formed(value: Any) -> Any:
    """`value` with lone surrogates replaced by U+FFFD, so that any text a model prints can be stored as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {well_formed(key): well_formed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [well_formed(item) for item in value]
    return value


def make_signal(
    *,
    id: str,
    type: str,
    source: str,
    subject: str,
    time_us: int,
    data: Mapping[str, Any],
    extensions: Mapping[str, Any],
) -> Signal:
    """Build a signal whose payload the caller vouches for; the contract builds those that come from outside."""
    return Signal(id, type, source, subject, time_us, data, extensions, to_body(data, "null"))
