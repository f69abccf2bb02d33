"""What may enter the log: the one place where a raw signal is checked and becomes a `Signal`.

Checks run in a fixed order and the first failure wins: type, source, id, subject present; stream known; extensions and
contract version; time; payload. Defaults (id, time) are handed in by the caller, because this floor has neither clock
nor chance. `False` and `0` are values: only None and blank text count as missing.
What comes out shares nothing with what came in, so the log cannot change behind its own back.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeGuard

from pydantic_core import from_json

from ..errors import ContractError
from .catalogue import STREAM_KEYS, STREAMS, stream_of
from .signal import CONTRACT_MAJOR, FIRST_US, LAST_US, Signal, is_unicode, to_body, to_time_us
from .subject import project_subject

DEFAULT_SOURCE = "/jido_nb"

_KNOWN = frozenset(
    {"id", "type", "source", "subject", "time", "data", "extensions"}
    | {"project_id", "conversation_id", "contract_major", "specversion"}
)


def normalize(
    raw: Signal | Mapping[str, Any],
    *,
    new_id: Callable[[], str],
    now_us: Callable[[], int],
    cause_id: str | None = None,
) -> Signal:
    """The signal that `raw` describes, checked and copied.

    `raw` is a `Signal` or a mapping with CloudEvents attribute names; `conversation_id` (with `project_id`) stands for
    `subject`, and a top-level `contract_major` for the extension. Other keys are kept as extensions; an extension that
    is None is left out.

    Raises:
        ContractError: with `field` and `reason`.
    """
    if isinstance(raw, Signal):
        raw = _fields(raw)
    elif not isinstance(raw, Mapping):
        raise _broken("signal", "invalid", f"a signal is a mapping or a Signal, not {type(raw).__name__}", raw)
    subject = raw.get("subject")
    if subject is None:
        subject = _subject(raw)
    kind = _text("type", raw.get("type"))
    source = _text("source", raw.get("source", DEFAULT_SOURCE))
    id = _text("id", raw["id"] if "id" in raw else new_id())
    subject = _text("subject", subject)
    stream = stream_of(kind)
    if stream is None:
        known = ", ".join(f"conv.{name}.*" for name in STREAMS)
        raise _broken("type", "unknown", f"type {kind!r} is in none of the streams {known}", kind)
    extensions = _extensions(raw, cause_id)
    time = raw.get("time")
    time_us = now_us() if time is None else _time_us(time)
    body, data = _payload(stream, raw.get("data"))
    return Signal(id, kind, source, subject, time_us, data, extensions, body)


def _fields(signal: Signal) -> dict[str, Any]:
    names = ("id", "type", "source", "subject", "data", "extensions")
    try:
        return {**{name: getattr(signal, name) for name in names}, "time": signal.time}
    except OverflowError:
        message = f"time_us {signal.time_us} is in none of the years 1 to 9999"
        raise _broken("time", "invalid", message, signal.time_us) from None


def _text(field: str, value: Any) -> str:
    if value is None:
        raise _broken(field, "missing", f"a signal needs {field}", value)
    if not isinstance(value, str):
        raise _broken(field, "invalid", f"{field} must be text, not {value!r}", value)
    if not value.strip():
        raise _broken(field, "empty", f"{field} must not be blank", value)
    if "\0" in value or not is_unicode(value):
        # Names that a database cannot store, or that could be told apart only before they are stored.
        raise _broken(field, "invalid", f"{field} must hold neither NUL nor lone surrogates, as {value!r} does", value)
    return value if type(value) is str else str.__str__(value)


def _subject(raw: Mapping[str, Any]) -> Any:
    conversation_id, project_id = raw.get("conversation_id"), raw.get("project_id")
    if _is_name(conversation_id) and _is_name(project_id):
        return project_subject(project_id, conversation_id)
    return conversation_id


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _extensions(raw: Mapping[str, Any], cause_id: str | None) -> dict[str, Any]:
    given = raw.get("extensions")
    if given is not None and not isinstance(given, Mapping):
        raise _broken("extensions", "invalid", f"extensions must be a mapping, not {given!r}", given)
    extensions = {str(key): value for key, value in given.items() if value is not None} if given else {}
    for key in raw:
        if key not in _KNOWN and raw[key] is not None:
            extensions.setdefault(str(key), raw[key])
    if "specversion" in raw and not str(raw["specversion"]).startswith("1.0"):
        version = raw["specversion"]
        message = f"specversion {version!r} is not supported; leave it out or use 1.0"
        raise _broken("specversion", "unsupported", message, version)
    _check_major(extensions.setdefault("contract_major", raw.get("contract_major")))
    project_id = raw.get("project_id")
    if _is_name(project_id):
        extensions.setdefault("project_id", project_id)
    if cause_id is not None:
        extensions["cause_id"] = cause_id
    cause = extensions.get("cause_id")
    if cause is not None and not _is_name(cause):
        raise _broken("cause_id", "invalid", f"cause_id must be the id of a signal, not {cause!r}", cause)
    return extensions if _are_plain(extensions) else _copied("extensions", extensions)[1]


def _check_major(major: Any) -> None:
    if major is None:
        message = f"a signal needs contract_major (now {CONTRACT_MAJOR}), at the top or in extensions"
        raise _broken("contract_major", "missing", message, major)
    if isinstance(major, bool) or not isinstance(major, int) or major < 1:
        raise _broken("contract_major", "invalid", f"contract_major must be a positive integer, not {major!r}", major)
    if major != CONTRACT_MAJOR:
        message = f"contract_major {major} is not supported; this version speaks {CONTRACT_MAJOR}"
        raise _broken("contract_major", "unsupported", message, major)


def _are_plain(extensions: Mapping[str, Any]) -> bool:
    """Whether nobody can change `extensions` and JSON would give them back as they are; nearly always so."""
    for key, value in extensions.items():
        kind = type(value)
        if not key.isascii() or not (value.isascii() if kind is str else kind is int and -(2**53) < value < 2**53):
            return False
    return True


def _time_us(given: Any) -> int:
    try:
        time_us = to_time_us(given if isinstance(given, datetime) else datetime.fromisoformat(given))
    except (TypeError, ValueError):
        message = f"time must be a datetime or ISO 8601 text, not {given!r}"
        raise _broken("time", "invalid", message, given) from None
    if not FIRST_US <= time_us <= LAST_US:
        # A zone can lead out of the calendar, and then nobody could write the time of the signal down again.
        raise _broken("time", "invalid", f"time {given!r} is in none of the years 1 to 9999 of UTC", given)
    return time_us


def _payload(stream: str, data: Any) -> tuple[bytes, dict[str, Any]]:
    if not isinstance(data, Mapping):
        raise _broken("data", "not_map", f"data of a conv.{stream} signal must be a mapping, not {data!r}", data)
    body, plain = _copied("data", data)
    for key in STREAM_KEYS[stream]:
        value = plain.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise _broken(f"data.{key}", "missing", f"a conv.{stream} signal needs data.{key}", value)
        if isinstance(value, (dict, list)):
            message = f"data.{key} of a conv.{stream} signal must be a single value, not {value!r}"
            raise _broken(f"data.{key}", "invalid", message, value)
    return body, plain


def _copied(field: str, values: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The JSON of `values` and what it holds: what is applied is what is stored, and nobody shares it."""
    try:
        body = to_body(values)
        return body, from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise _broken(field, "invalid", f"{field} must be JSON values: {error}", None) from None


def _broken(field: str, reason: str, message: str, value: Any) -> ContractError:
    return ContractError(message, field=field, reason=reason, value=value)
