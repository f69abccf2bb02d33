"""Between the rows and statements of a journal and those of PostgreSQL."""

from typing import Any

from ..core.signal import Recorded
from .codec import Row, from_row
from .sql_statements import SAID, SAID_TYPES


def conditions(
    types: list[str] | None,
    subject: str | None,
    effect_id: str | None,
    since_us: int | None,
    until_us: int | None,
    backend: str | None,
) -> tuple[str, tuple[Any, ...]]:
    """The filter of a read, as a condition in SQL; which index serves it is for the server to say."""
    one = types[0] if types is not None and len(types) == 1 else None
    asked = {
        f"s.{SAID} AND s.type = ?" if one in SAID_TYPES else "s.type = ?": one,
        "s.type = ANY(?)": types if one is None else None,
        "s.subject = ?": subject,
        "s.effect_id = ?": without_nul(effect_id),
        "s.time_us >= ?": since_us,
        "s.time_us < ?": until_us,
        "s.backend = ?": without_nul(backend),
    }
    given = {term: value for term, value in asked.items() if value is not None}
    return " AND ".join(given) or "true", tuple(given.values())


def placed(statement: str) -> str:
    """`statement`, which is written as SQLite has it, as psycopg and PostgreSQL have it."""
    return statement.replace("?", "%s").replace("json_array(", "json_build_array(")


def recorded_of(row: Row) -> Recorded:
    """The signal of one row, in the order of `codec.READ_COLUMNS`."""
    return from_row((*row[:-1], row[-1].encode()))


def without_nul(cell: Any) -> Any:
    """PostgreSQL's text holds no NUL. Columns are a way to find a payload, which as JSON spells it out."""
    return cell.replace("\0", "\N{SYMBOL FOR NULL}") if type(cell) is str and "\0" in cell else cell
