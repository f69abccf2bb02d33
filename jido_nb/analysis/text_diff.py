"""Two texts side by side: lines that belong together face each other, and words that differ are marked."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from html import escape
from itertools import zip_longest
from textwrap import wrap
from typing import Any, Literal, NamedTuple

LONG_WORDS = 4000
"""Texts with more words are compared by how many words they share: matching them in order would take too long."""

SIDE_CHARS = 56
"""Width of one side as plain text."""

Part = tuple[str, bool]
"""A piece of a line, and whether the other side lacks it."""

_WORDS = re.compile(r"\s+|\w+|[^\w\s]+")
_CELL = (
    "width:50%;height:1.5em;padding:0 .8em;"  # an empty line has its height, too
    "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere"
)
_MARKS = {
    "a": ("del", "background:rgba(213,94,0,.22);text-decoration:line-through"),
    "b": ("ins", "background:rgba(0,114,178,.22);text-decoration:underline"),
}


class Line(NamedTuple):
    """One line of both sides; None where that side has no such line. `kind`: equal, changed, only a, only b."""

    kind: Literal["=", "~", "<", ">"]
    a: tuple[Part, ...] | None
    b: tuple[Part, ...] | None


class TextDiff:
    """The difference between two texts, for reading. Both are shown as they are: nothing in them is markup here."""

    def __init__(self, a: str, b: str, names: tuple[str, str] = ("a", "b")) -> None:
        self.a = a
        self.b = b
        self.names = names
        self.lines = tuple(_lines(a, b))

    @property
    def same(self) -> bool:
        return self.a == self.b

    def __repr__(self) -> str:
        left, right = (printable(name)[:SIDE_CHARS] for name in self.names)
        rows = [f"  {left:<{SIDE_CHARS}} | {right}"]
        for kind, a, b in self.lines:
            sides = [wrap(printable(_joined(side)), SIDE_CHARS) or [""] for side in (a, b)]
            for left, right in zip_longest(*sides, fillvalue=""):
                rows.append(f"{' ' if kind == '=' else kind} {left:<{SIDE_CHARS}} | {right}".rstrip())
        return "\n".join(rows)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        head = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in self.names)
        rows = "".join(f"<tr>{_cell(line.a, 'a')}{_cell(line.b, 'b')}</tr>" for line in self.lines)
        table = f'<table style="width:100%;table-layout:fixed;border-collapse:collapse"><tr>{head}</tr>{rows}</table>'
        return {"text/plain": repr(self), "text/html": table}


def similarity(a: str, b: str) -> float:
    """How much two texts have in common, word by word: 1.0 for equal ones, 0.0 where nothing is shared."""
    if a == b:
        return 1.0
    words = a.split(), b.split()
    matcher = SequenceMatcher(None, *words, autojunk=False)
    return matcher.quick_ratio() if max(map(len, words)) > LONG_WORDS else matcher.ratio()


def printable(text: str) -> str:
    """`text` without what a terminal would obey."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in text)


def _lines(a: str, b: str) -> Iterator[Line]:
    left, right = a.splitlines(), b.splitlines()
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for one, other in zip_longest(left[a0:a1], right[b0:b1]):
            if kind == "equal":
                yield Line("=", ((one, False),), ((other, False),))
            elif one is None or other is None:
                only = ((one if other is None else other, True),)
                yield Line("<", only, None) if other is None else Line(">", None, only)
            else:
                yield Line("~", *_words(one, other))


def _words(a: str, b: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    left, right = _WORDS.findall(a), _WORDS.findall(b)
    if max(len(left), len(right)) > LONG_WORDS:
        return ((a, True),), ((b, True),)
    parts: tuple[list[Part], list[Part]] = ([], [])
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for side, words in zip(parts, (left[a0:a1], right[b0:b1]), strict=True):
            if words:
                side.append(("".join(words), kind != "equal"))
    return tuple(parts[0]), tuple(parts[1])


def _joined(parts: Sequence[Part] | None) -> str:
    return "".join(text for text, _ in parts or ())


def _cell(parts: Sequence[Part] | None, side: Literal["a", "b"]) -> str:
    tag, style = _MARKS[side]
    shown = [
        f'<{tag} style="{style}">{escape(text)}</{tag}>' if differs else escape(text) for text, differs in parts or ()
    ]
    return f'<td style="{_CELL}">{"".join(shown)}</td>'
