"""The little HTML that our reprs are made of. Everything that comes from a log is escaped: it is data, never markup."""

from collections.abc import Iterable, Sequence
from html import escape

_TABLE = "border-collapse:collapse;text-align:left"
_CELL = "padding:0 1.5em 0 0;text-align:left;vertical-align:top;white-space:pre-wrap"


def facts_html(title: str, facts: Iterable[tuple[str, str]]) -> str:
    """A title over a table of two columns, names and values."""
    rows = "".join(
        f'<tr><th style="{_CELL};font-weight:normal;opacity:.7">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in facts
    )
    return f'<div><strong>{escape(title)}</strong><table style="{_TABLE}">{rows}</table></div>'


def facts_text(title: str, facts: Iterable[tuple[str, str]]) -> str:
    """The same as plain text, values in one column."""
    rows = list(facts)
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows)])


def matrix_html(title: str, head: Sequence[Sequence[str]], lines: Sequence[tuple[Sequence[str], Sequence[str]]]) -> str:
    """A title over a table with lines of headings, and lines of labels and numbers."""
    number = f"{_CELL};text-align:right"
    rows = ["".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in line) for line in head]
    rows += [
        "".join(f'<th style="{_CELL};font-weight:normal">{escape(label)}</th>' for label in labels)
        + "".join(f'<td style="{number}">{escape(cell)}</td>' for cell in cells)
        for labels, cells in lines
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div><strong>{escape(title)}</strong><table style="{_TABLE}">{body}</table></div>'


def shorten(text: str, limit: int = 60) -> str:
    """`text` on one line, cut after `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
