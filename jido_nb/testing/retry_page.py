"""The tables of `docs/errors-and-retries.md`, made from the tables that the code and the suite use.

`python -m jido_nb.testing.retry_page docs/errors-and-retries.md` writes them into the page, between its markers; a test
fails while the page says something else.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ..core.policy import DEFAULT_POLICIES
from .cancel_matrix import CANCEL_ROWS
from .retry_matrix import ROWS
from .retry_row import Row

_MARKED = re.compile(r"(?s)(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)")


def written(page: str) -> str:
    """`page` with each marked part as it should be.

    Raises:
        KeyError: a marker names a table that does not exist.
    """
    return _MARKED.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", page)


def fault_tables() -> str:
    """One table per group of faults."""
    parts = []
    for group, rows in groupby(ROWS, key=lambda row: row.group):
        lines = [_line(row) for row in rows]
        head = ("What happens", "Backends", "Category", "Tried again", "Attempts", "`details` holds")
        parts.append(f"### {group}\n\n{_table(head, lines)}")
    return "\n".join(parts)


def policy_table() -> str:
    """The parts of a policy and their defaults for a generation."""
    defaults = DEFAULT_POLICIES["llm"].model_dump(exclude={"budget"})
    lines = [(f"`{name}`", "none" if value is None else f"`{value}`") for name, value in defaults.items()]
    return _table(("`effect_policy`", "Default"), lines)


def cancel_table() -> str:
    """When a cancel comes, how the backend takes it, and what the log says of that."""
    lines = [(row.name, f"`{row.outcome}`", f"`{row.category}`" if row.category else "") for row in CANCEL_ROWS]
    return _table(("The cancel comes", "`backend_cancel`", "`backend_cancel_category`"), lines)


TABLES = {"faults": fault_tables, "policy": policy_table, "cancels": cancel_table}


def _line(row: Row) -> tuple[str, ...]:
    if row.tried_again:
        again, attempts = "yes", "2, or all if it stays" if row.can_recover else "all"
    else:
        again, attempts = ("no, though it could be" if row.retryable else "no"), "1"
    if not row.expected("stream", recovers=False, backend=row.backends[0]).requests and not row.tried_again:
        attempts = "1, without a request"
    details = {**row.details, **row.stream_details}
    name = row.name if len(row.modes) > 1 else f"{row.name} (streams)"
    backends = "both" if len(row.backends) > 1 else f"`{row.backends[0]}`"
    return name, backends, f"`{row.category}`", again, attempts, _shown(details)


def _shown(details: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}: {json.dumps(value)}`" for name, value in details.items())


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rows = [head, ("---",) * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
