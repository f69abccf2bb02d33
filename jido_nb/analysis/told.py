"""What effect signals tell, decoded for the folds of frames: only the keys that a frame looks at, each of its type.

Frames read every effect signal of a log, so this is the hot path of analysis: payloads become small structs, straight
from the stored bytes, and never dicts. Foreign signals may put anything into optional keys; what has the wrong type is
then decoded the slow way and is missing, never an error.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import msgspec

from ..core.signal import Recorded
from ..journal.codec import decode_body
from .filters import Types
from .source import OpenSource
from .values import as_bool, as_float, as_int, as_text

EFFECT_TYPES = "conv.effect.**"

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What a column of integers can hold."""

Pairs = list[tuple[float, Int64]]
"""Chunks: milliseconds after the start of the attempt, length in characters."""


class Payload(msgspec.Struct, gc=False):
    """The payload of an effect signal. What it does not tell is None."""

    effect_id: str = "None"
    lifecycle: str | None = None
    status: str | None = None
    attempt: Int64 | None = None
    effect_class: str | None = None
    kind: str | None = None
    backend: str | None = None
    provider: str | None = None
    model: str | None = None
    stream: bool | None = None
    token_delta: str | None = None
    chunks: Pairs | None = None
    thinking_delta: str | None = None
    thinking_chunks: Pairs | None = None
    max_attempts: Int64 | None = None
    timeout_ms: float | None = None
    duration_ms: float | None = None
    first_chunk_ms: float | None = None
    backoff_ms: float | None = None
    wait_ms: float | None = None
    retry_after_ms: float | None = None
    reason: str | None = None
    error_category: str | None = None
    retryable: bool | None = None
    discarded: bool | None = None
    request_id: str | None = None
    details: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None


class Told(msgspec.Struct, frozen=True, gc=False):
    """One effect signal: where it stands in the log, whose it is, and what it says."""

    subject: str
    time_us: int
    cause_id: str | None
    type: str
    payload: Payload
    seq: int


_decode = msgspec.json.Decoder(Payload).decode

_COLUMNS = ("subject", "time_us", "cause_id", "type", "body")


def payload_of(body: bytes | str) -> Payload:
    """The payload that `body` holds."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _lenient(decode_body(body.encode() if isinstance(body, str) else body))


def told_by(recorded: Recorded) -> Told:
    """What one effect signal tells."""
    seq, signal = recorded
    return Told(signal.subject, signal.time_us, signal.cause_id, signal.type, payload_of(signal.body), seq)


def read_told(found: OpenSource, types: Types = EFFECT_TYPES, after_seq: int = 0) -> Iterator[Told]:
    """What the effect signals of a source tell, in order of `seq`."""
    pages = found.read_columns(_COLUMNS, types, after_seq=after_seq)
    if pages is None:
        yield from map(told_by, found.read(types, after_seq=after_seq))
        return
    for page in pages:
        for subject, time_us, cause_id, type, body, seq in page:
            yield Told(subject, time_us, cause_id, type, payload_of(body), seq)


def _lenient(data: Mapping[str, Any]) -> Payload:
    known = {name: read(data.get(name)) for name, read in _LENIENT.items()}
    return Payload(effect_id=str(data.get("effect_id")), **known)


def _as_pairs(value: Any) -> Pairs | None:
    if not isinstance(value, list) or not value:
        return None
    return [(chunk[0], chunk[1]) for chunk in value if _is_pair(chunk)]


def _is_pair(chunk: Any) -> bool:
    return type(chunk) is list and len(chunk) == 2 and type(chunk[0]) in (float, int) and as_int(chunk[1]) is chunk[1]


def _as_piece(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _as_dict(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


_BY_TYPE: dict[Any, Callable[[Any], Any]] = {
    str | None: as_text,
    Int64 | None: as_int,
    float | None: as_float,
    bool | None: as_bool,
    Pairs | None: _as_pairs,
    dict[str, Any] | None: _as_dict,
}

_LENIENT = {field.name: _BY_TYPE[field.type] for field in msgspec.structs.fields(Payload) if field.name != "effect_id"}
_LENIENT |= {"token_delta": _as_piece, "thinking_delta": _as_piece}
