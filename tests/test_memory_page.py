"""The page on memory names limits; they are those of the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/memory.md"
ROW = re.compile(r"^\|[^|]*\| ([\d,]+) \|[^|]*\| `([\w.]+)\.(\w+)` \|$", re.MULTILINE)
LIMITS = ROW.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("told", "room", "name"), LIMITS, ids=[name for _, _, name in LIMITS])
def test_a_limit_is_what_the_page_says(told: str, room: str, name: str) -> None:
    assert getattr(import_module(f"jido_nb.{room}"), name) == int(told.replace(",", ""))


def test_every_row_names_its_limit() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(LIMITS) == len(rows) - 1 > 10
