"""Small answers of `%jido`: lines or a table, as text that steers no terminal and as safe HTML."""

from collections.abc import Sequence
from html import escape
from typing import Any

from ..errors import printable


class Report:
    """Named facts, one a line."""

    def __init__(self, facts: Sequence[tuple[str, object]]) -> None:
        self.facts = [(name, str(value)) for name, value in facts]

    def __repr__(self) -> str:
        width = max((len(name) for name, _ in self.facts), default=0)
        return printable("\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in self.facts))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self.facts
        )
        return {"text/plain": repr(self), "text/html": f"<table>{rows}</table>"}


class Table:
    """Rows under named columns."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "nothing yet") -> None:
        self.columns = tuple(columns)
        self.rows = [tuple("" if cell is None else str(cell) for cell in row) for row in rows]
        self.empty = empty

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return printable(self.empty)
        lines = [self.columns, *self.rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        return printable(
            "\n".join(
                "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
                for line in lines
            )
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        if not self.rows:
            return {"text/plain": repr(self)}
        cell = 'style="text-align:left;white-space:pre-wrap"'
        head = "".join(f"<th {cell}>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td {cell}>{escape(text)}</td>" for text in row) + "</tr>" for row in self.rows
        )
        return {"text/plain": repr(self), "text/html": f"<table><tr>{head}</tr>{body}</table>"}


def shorten(text: str, limit: int = 100) -> str:
    """`text` on one line, at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
