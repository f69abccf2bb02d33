"""Signals as rows of a table, and back.

A row holds the envelope, the payload as JSON text, and the few payload values that people filter on as columns of their
own. Values of the wrong kind leave their column empty: the payload is the truth, columns are a way to find it.
Reading does not decode the payload until somebody looks into it, because replay and frames read a million rows and
look into few of them.
"""

from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ..core.catalogue import APPLIED, stream_of
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, from_body
from .marker import covered_ids

Row = tuple[Any, ...]

FACTS = ("effect_class", "lifecycle", "status", "attempt", "backend", "provider", "model", "error_category")
"""Payload keys of effect and output signals that have a column of their own; all are text but `attempt`."""

COLUMNS = (
    *("seq", "id", "type", "source", "subject", "time_us", "stream", "cause_id", "project_id", "extensions"),
    *("effect_id", *FACTS, "covered", "body"),
)
"""What `to_row` gives, in order. `extensions` is NULL where they hold no more than contract 1, a cause and a project;
`covered` is how many signals an applied marker covers, 0 for all others."""

READ_COLUMNS = ("seq", "id", "type", "source", "subject", "time_us", "cause_id", "project_id", "extensions", "body")
"""What `from_row` takes, in order."""

_TELLING = ("effect", "out")
"""Streams whose payloads have columns of their own."""

_NO_FACTS = (None,) * len(FACTS)
LARGEST = 2**63 - 1
"""The largest integer that a database keeps."""

_new = tuple.__new__
_encode_extensions = msgspec.json.Encoder().encode
_decode_extensions: Callable[[str], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
_decode_body = msgspec.json.Decoder(dict[str, Any]).decode


class _StructMapping(type(msgspec.Struct), ABCMeta):  # type: ignore[misc]
    """What lets a struct be a mapping."""


class LazyData(msgspec.Struct, Mapping[str, Any], metaclass=_StructMapping, gc=False, eq=False):
    """A payload that is decoded when somebody first looks into it; equal to the dict it stands for."""

    _body: bytes
    _values: dict[str, Any] | None = None

    @property
    def values_now(self) -> dict[str, Any]:
        """The decoded payload."""
        values = self._values
        if values is None:
            values = self._values = decode_body(self._body)
        return values

    @property
    def decoded(self) -> bool:
        return self._values is not None

    def __getitem__(self, key: str) -> Any:
        values = self._values
        return (self.values_now if values is None else values)[key]

    def get(self, key: str, default: Any = None) -> Any:
        # A million times, and mostly decoded: asking the property costs more than the rest.
        values = self._values
        return (self.values_now if values is None else values).get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self.values_now

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_now)

    def __len__(self) -> int:
        return len(self.values_now)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyData):
            return self._body == other._body or self.values_now == other.values_now
        return self.values_now == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as for dict: payloads are compared, never keys

    def __repr__(self) -> str:
        return repr(self.values_now)

    def __reduce__(self) -> tuple[type["LazyData"], tuple[bytes]]:
        return LazyData, (self._body,)


def decode_body(body: bytes) -> dict[str, Any]:
    """The payload that `body` holds, with the values that `core.signal.from_body` gives."""
    try:
        return _decode_body(body)
    except msgspec.DecodeError:
        return from_body(body)


def to_row(seq: int, signal: Signal) -> Row:
    """The row of one signal, in the order of `COLUMNS`."""
    stream, data, extensions = stream_of(signal.type), signal.data, signal.extensions
    cause_id, project_id = _text(extensions.get("cause_id")), _text(extensions.get("project_id"))
    facts: tuple[Any, ...] = _NO_FACTS
    covered = 0
    if stream in _TELLING:
        get = data.get
        attempt = get("attempt")
        facts = (
            _text(get("effect_class")),
            _text(get("lifecycle")),
            _text(get("status")),
            attempt if type(attempt) is int and -LARGEST <= attempt <= LARGEST else None,
            _text(get("backend")),
            _text(get("provider")),
            _text(get("model")),
            _text(get("error_category")),
        )
    elif signal.type == APPLIED:
        covered = len(covered_ids(data))
    return (
        *(seq, signal.id, signal.type, signal.source, signal.subject, signal.time_us, stream, cause_id, project_id),
        None if _is_plain(extensions, cause_id, project_id) else _encode_extensions(dict(extensions)).decode(),
        *(_text(data.get("effect_id")), *facts, covered, signal.body),
    )


def backend_of(signal: Signal) -> str | None:
    """The backend that an effect or output signal names: what its column `backend` holds."""
    return _text(signal.data.get("backend")) if stream_of(signal.type) in _TELLING else None


def from_row(row: Row) -> Recorded:
    """The signal of one row, given in the order of `READ_COLUMNS`."""
    seq, id, type, source, subject, time_us, cause_id, project_id, extensions, body = row
    if extensions is not None:
        others = _extensions(extensions)
    elif cause_id is not None and project_id is None:
        others = {"contract_major": CONTRACT_MAJOR, "cause_id": cause_id}
    else:
        others = {"contract_major": CONTRACT_MAJOR}
        if cause_id is not None:
            others["cause_id"] = cause_id
        if project_id is not None:
            others["project_id"] = project_id
    # The class itself would be asked by way of a function of Python's, a million times.
    return _new(Recorded, (seq, Signal(id, type, source, subject, time_us, LazyData(body), others, body)))


def _extensions(text: str) -> dict[str, Any]:
    try:
        return _decode_extensions(text)
    except msgspec.MsgspecError:
        # Somebody changed them. A replay then finds that they differ, instead of nobody being able to read on.
        return {"damaged": text}


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _is_plain(extensions: Mapping[str, Any], cause_id: str | None, project_id: str | None) -> bool:
    """Whether the columns alone give `extensions` back."""
    major = extensions.get("contract_major")
    known = 1 + (cause_id is not None) + (project_id is not None)
    return type(major) is int and major == CONTRACT_MAJOR and len(extensions) == known
