"""What is read, as a condition in SQL."""

import json
from typing import Any


def conditions(types: list[str] | None, subject: str | None, effect_id: str | None) -> tuple[str, tuple[Any, ...]]:
    """The filter of a read, written so that one index drives it and the others (`+`) only check."""
    terms, values, driven = [], [], False
    if effect_id is not None:
        terms.append("s.effect_id = ?")
        values.append(effect_id)
        driven = True
    if subject is not None:
        terms.append("+s.subject = ?" if driven else "s.subject = ?")
        values.append(subject)
        driven = True
    if types is not None and len(types) == 1:
        terms.append("+s.type = ?" if driven else "s.type = ?")
        values.append(types[0])
    elif types is not None:
        # Several types: a walk in order of seq is quicker than sorting what the index gives.
        terms.append("+s.type IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(types))
    return " AND ".join(terms) or "1", tuple(values)
