"""A table in a prompt is its schema and its first rows; anything else is what `str` makes of it."""

import pandas as pd
import polars as pl
import pytest

from jido_nb.notebook.as_text import MAX_CELL_CHARS, MAX_COLUMNS, as_text
from jido_nb.notebook.template import interpolate

PANDAS = pd.DataFrame({"city": ["Lisbon", "Oslo, or so"], "degrees": [21.5, None]})


@pytest.mark.parametrize("frame", [PANDAS, pl.DataFrame({"city": ["Lisbon", "Oslo, or so"], "degrees": [21.5, None]})])
def test_a_table_says_what_its_columns_are_and_how_its_rows_look(frame: object) -> None:
    text = as_text(frame)
    assert text.startswith("A table of 2 rows and 2 columns:\n- city: ")
    assert "- degrees: " in text
    assert 'all rows, as CSV:\ncity,degrees\nLisbon,21.5\n"Oslo, or so",' in text


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_large_table_stays_small(make: type) -> None:
    text = as_text(make({f"column {number}": ["x" * 1000] * 1000 for number in range(100)}))
    assert "A table of 1000 rows and 100 columns" in text
    assert f"- and {100 - MAX_COLUMNS} more" in text
    assert "the first 5 rows" in text
    assert len(text) < 6 * MAX_COLUMNS * (MAX_CELL_CHARS + 20)


def test_names_of_an_index_are_columns_and_a_series_is_a_table_of_one() -> None:
    indexed = as_text(PANDAS.set_index("city"))
    assert "2 columns:\n- city: " in indexed
    assert "- index: " in as_text(pd.DataFrame({"a": [1]}, index=["row"]))
    assert "- price: int64" in as_text(pd.Series([1, 2], name="price"))
    assert "- value: " in as_text(pd.Series([1, 2]))
    assert "- s: Int64" in as_text(pl.Series("s", [1]))


def test_an_empty_table_says_so() -> None:
    assert as_text(PANDAS.iloc[:0]).startswith("A table of 0 rows and 2 columns")


@pytest.mark.parametrize("value", [3, "text", [1, 2], None, {"a": 1}])
def test_other_values_are_their_text(value: object) -> None:
    assert as_text(value) == str(value)


def test_it_is_what_double_braces_put_into_a_prompt() -> None:
    assert interpolate("Look: {{ frame }}", {"frame": PANDAS}).startswith("Look: A table of 2 rows")
    assert "Lisbon,21.5" in interpolate("{{ frame.to_csv(index=False) }}", {"frame": PANDAS})
