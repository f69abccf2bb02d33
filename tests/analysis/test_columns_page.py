"""The page about columns says what the frames have."""

from pathlib import Path

import pytest

from jido_nb.analysis.catalogue import FRAMES
from jido_nb.testing.columns_page import PARTS
from jido_nb.testing.generated_page import generated

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_page_is_made_from_the_frames() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page, PARTS), "run python -m jido_nb.testing.columns_page docs/columns.md"
    assert all(f"<!-- generated: {name} -->" in page for name in PARTS)


@pytest.mark.parametrize("name", FRAMES)
def test_every_column_of_every_frame_is_on_it(name: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {FRAMES[name].__name__}\n")[2].partition("\n## ")[0]
    for column in FRAMES[name].columns:
        assert f"| `{column.name}` | `{column.arrow_type}` | {column.doc} |" in section
