"""The page about errors says what the suite checks."""

import re
from pathlib import Path

import pytest

from jido_nb.llm.error import CATEGORIES
from jido_nb.testing.cancel_matrix import CANCEL_ROWS
from jido_nb.testing.generated_page import generated
from jido_nb.testing.retry_matrix import ROWS
from jido_nb.testing.retry_page import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "errors-and-retries.md"


def test_the_tables_of_the_page_are_those_of_the_suite() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == generated(page, PARTS), "run: python -m jido_nb.testing.retry_page docs/errors-and-retries.md"
    assert all(f"| {row.name}" in page for row in ROWS)
    assert all(f"| `{category}` |" in page for category in CATEGORIES)
    assert all(f"| {row.name} | `{row.outcome}`" in page for row in CANCEL_ROWS)


@pytest.mark.parametrize("stale", ["", "| 400 bad request | `provider` | yes |\n"])
def test_a_page_that_says_something_else_is_rewritten(stale: str) -> None:
    text = f"Before.\n<!-- generated: faults -->\n{stale}<!-- end of faults -->\nAfter.\n"
    page = generated(text, PARTS)
    assert re.search(r"(?m)^\| 400 bad request \| both \| `provider` \| no \| 1 \|", page)
    assert page.startswith("Before.\n")
    assert page.endswith("After.\n")
    assert generated(page, PARTS) == page


def test_a_marker_of_no_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        generated("<!-- generated: nothing -->\n<!-- end of nothing -->", PARTS)
