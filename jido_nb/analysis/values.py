"""Payload values as cells: what has the wrong type is missing, never an error.

The contract checks which keys a payload holds, not what foreign signals put into the optional ones.
"""

import json
from collections.abc import Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def as_text(value: Any) -> str | None:
    """Text as it is; other JSON values as JSON; None stays None."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def as_int(value: Any) -> int | None:
    """An integer, or a float that is one, inside 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value != value // 1:
        return None
    return int(value) if -(2**63) <= value < 2**63 else None


def as_float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The mapping itself; an empty one for anything else."""
    return value if isinstance(value, Mapping) else _NOTHING
