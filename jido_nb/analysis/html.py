"""The little HTML that our reprs are made of. Everything that comes from a log is escaped: it is data, never markup."""

from collections.abc import Iterable
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


def shorten(text: str, limit: int = 60) -> str:
    """`text` on one line, cut after `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
