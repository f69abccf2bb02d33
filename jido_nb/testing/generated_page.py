"""Parts of a page that the code says itself: between `<!-- generated: name -->` and `<!-- end of name -->`."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Parts = Mapping[str, Callable[[], str]]
"""By the name in the markers."""

_MARKED = re.compile(r"(?s)(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)")


def generated(page: str, parts: Parts) -> str:
    """`page` with each marked part as it should be.

    Raises:
        KeyError: a marker names a part that does not exist.
    """
    return _MARKED.sub(lambda match: f"{match[1]}\n{parts[match[2]]()}\n{match[3]}", page)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """As Markdown has it."""
    rows = [head, ("---",) * len(head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def rewrite(parts: Parts) -> None:
    """Write them into the pages that the command line names."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(generated(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
