"""The reference of all columns in `docs/columns.md`, made from the frames themselves.

`python -m jido_nb.testing.columns_page docs/columns.md` writes it into the page, between its markers; a test fails
while the page says something else.
"""

import re
import sys
from pathlib import Path

from ..analysis.aggregates import AGGREGATES
from ..analysis.catalogue import FRAMES
from ..analysis.frame import AnyFrame

_MARKED = re.compile(r"(?s)(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)")


def written(page: str) -> str:
    """`page` with each marked part as it should be.

    Raises:
        KeyError: a marker names a part that does not exist.
    """
    return _MARKED.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n{match[3]}", page)


def frames() -> str:
    """One section per frame: what a row is, and its columns."""
    return "\n".join(f"## {frame.__name__}\n\n{_sentence(frame)}\n\n{_columns(frame)}" for frame in FRAMES.values())


def aggregates() -> str:
    """What `retry_matrix` can make of a column."""
    return _table([("`aggregate`", "Gives"), *((f"`{name}`", each.doc) for name, each in AGGREGATES.items())])


PARTS = {"frames": frames, "aggregates": aggregates}


def _sentence(frame: AnyFrame) -> str:
    return f"{(frame.__doc__ or '').partition(chr(10))[0]} A column of your own is given {frame.given}."


def _columns(frame: AnyFrame) -> str:
    lines = [(f"`{column.name}`", f"`{column.arrow_type}`", column.doc) for column in frame.columns]
    return _table([("Column", "Type", "Holds"), *lines])


def _table(lines: list[tuple[str, ...]]) -> str:
    rows = [lines[0], ("---",) * len(lines[0]), *lines[1:]]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
