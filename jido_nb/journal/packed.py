"""A page of columns, packed: of each column one piece of bytes, which the database joined itself.

Rows are handed over a cell at a time, and the interpreter's lock is let go of and taken back for each of them. A packed
page is a single step without the lock: it costs less, and threads can read several pages at once.

A cell may hold anything, a separator too. Whoever takes a page apart counts: there are as many pieces as rows exactly
where no cell holds one. NULL is a word that is drawn anew in each process, as the boundaries in a mail are.
"""

from secrets import token_urlsafe
from typing import NamedTuple

SEPARATOR = b"\x1f"
"""Between the cells of a column."""

MISSING = token_urlsafe(6).encode()
"""The cell of a NULL: what nobody could write, as nobody knows it."""

PACKED_ROWS = 4000
"""Rows that are meant to be packed in one go."""

PACKED_BYTES = 16 * 1024 * 1024
"""The most that a packed column may take."""


class Packed(NamedTuple):
    """Some rows, packed."""

    rows: int
    columns: dict[str, bytes]
    """By the column's name; the cells of all in the same order, whichever that is."""


def select_packed(names: tuple[str, ...], where: str) -> str:
    """The statement that counts the rows of `signals AS s` and packs `names`, in SQLite's words."""
    # Not sorted: the rows would be copied for it, at half the price again, and each scan gives them in order anyway.
    # Literals: whatever has to be computed, SQLite copies for each cell.
    joined = (
        f"CAST(group_concat(ifnull(s.{name}, '{MISSING.decode()}'), '{SEPARATOR.decode()}') AS BLOB)" for name in names
    )
    return f"SELECT count(*), {', '.join(joined)} FROM signals AS s WHERE {where}"  # noqa: S608
