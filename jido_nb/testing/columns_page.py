"""The reference of all columns in `docs/columns.md`, made from the frames themselves.

`python -m jido_nb.testing.columns_page docs/columns.md` writes it into the page, between its markers; a test fails
while the page says something else.
"""

from ..analysis.aggregates import AGGREGATES
from ..analysis.catalogue import FRAMES
from ..analysis.frame import AnyFrame
from .generated_page import rewrite, table


def frames() -> str:
    """One section per frame: what a row is, and its columns."""
    return "\n".join(f"## {frame.__name__}\n\n{_sentence(frame)}\n\n{_columns(frame)}" for frame in FRAMES.values())


def aggregates() -> str:
    """What `retry_matrix` can make of a column."""
    return table(("`aggregate`", "Gives"), [(f"`{name}`", each.doc) for name, each in AGGREGATES.items()])


PARTS = {"frames": frames, "aggregates": aggregates}


def _sentence(frame: AnyFrame) -> str:
    return f"{(frame.__doc__ or '').partition(chr(10))[0]} A column of your own is given {frame.given}."


def _columns(frame: AnyFrame) -> str:
    lines = [(f"`{column.name}`", f"`{column.arrow_type}`", column.doc) for column in frame.columns]
    return table(("Column", "Type", "Holds"), lines)


if __name__ == "__main__":
    rewrite(PARTS)
