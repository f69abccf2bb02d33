"""What is read, as a condition in SQL."""

import json
from typing import Any

from .sql_statements import SAID, SAID_TYPES


def conditions(
    types: list[str] | None,
    subject: str | None = None,
    effect_id: str | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
    backend: str | None = None,
) -> tuple[str, tuple[Any, ...]]:
    """The filter of a read, written so that one index drives it and the others (`+`) only check."""
    terms: list[str] = []
    values: list[Any] = []
    driven = False
    if effect_id is not None:
        terms.append("s.effect_id = ?")
        values.append(effect_id)
        driven = True
    if subject is not None:
        terms.append("+s.subject = ?" if driven else "s.subject = ?")
        values.append(subject)
        driven = True
    if types is not None and len(types) == 1:
        said = subject is not None and effect_id is None and types[0] in SAID_TYPES
        if said:
            terms.append(f"s.{SAID}")
        terms.append("+s.type = ?" if driven and not said else "s.type = ?")
        values.append(types[0])
    elif types is not None:
        # Several types: a walk in order of seq is quicker than sorting what the index gives.
        terms.append("+s.type IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(types))
    # No index of their own: a log is written in the order of time, so what they leave out is at its ends.
    for term, value in (("s.time_us >= ?", since_us), ("s.time_us < ?", until_us), ("s.backend = ?", backend)):
        if value is not None:
            terms.append(term)
            values.append(value)
    return " AND ".join(terms) or "1", tuple(values)
