"""The tables of `docs/errors-and-retries.md`, made from the tables that the code and the suite use.

`python -m jido_nb.testing.retry_page docs/errors-and-retries.md` writes them into the page, between its markers; a test
fails while the page says something else.
"""

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from ..core.policy import DEFAULT_POLICIES
from .cancel_matrix import CANCEL_ROWS
from .generated_page import rewrite, table
from .retry_matrix import ROWS
from .retry_row import Row


def fault_tables() -> str:
    """One table per group of faults."""
    parts = []
    for group, rows in groupby(ROWS, key=lambda row: row.group):
        lines = [_line(row) for row in rows]
        head = ("What happens", "Backends", "Category", "Tried again", "Attempts", "`details` holds")
        parts.append(f"### {group}\n\n{table(head, lines)}")
    return "\n".join(parts)


def policy_table() -> str:
    """The parts of a policy and their defaults for a generation."""
    defaults = DEFAULT_POLICIES["llm"].model_dump(exclude={"budget"})
    lines = [(f"`{name}`", "none" if value is None else f"`{value}`") for name, value in defaults.items()]
    return table(("`effect_policy`", "Default"), lines)


def cancel_table() -> str:
    """When a cancel comes, how the backend takes it, and what the log says of that."""
    lines = [(row.name, f"`{row.outcome}`", f"`{row.category}`" if row.category else "") for row in CANCEL_ROWS]
    return table(("The cancel comes", "`backend_cancel`", "`backend_cancel_category`"), lines)


PARTS = {"faults": fault_tables, "policy": policy_table, "cancels": cancel_table}


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


if __name__ == "__main__":
    rewrite(PARTS)
