"""The retry matrix: every attempt is counted exactly once."""

from typing import Any

import pytest

from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError


def test_attempts_are_counted_by_category_backend_and_mode(eventful_log: list[Recorded]) -> None:
    matrix = retry_matrix(eventful_log)
    assert matrix.to_dict("index") == {
        "auth": {("harness", "True"): 1, ("jido_ai", "False"): 0, ("jido_ai", "True"): 0},
        "none": {("harness", "True"): 0, ("jido_ai", "False"): 0, ("jido_ai", "True"): 3},
        "provider": {("harness", "True"): 0, ("jido_ai", "False"): 1, ("jido_ai", "True"): 1},
    }
    assert matrix.index.name == "error_category"
    assert list(matrix.columns.names) == ["backend", "stream"]


@pytest.mark.parametrize(
    ("values", "aggregate", "expected"),
    [
        ("attempts", "sum", {"c1": 3, "c2": 3}),
        ("effects", "sum", {"c1": 2, "c2": 3}),
        ("retries", "sum", {"c1": 1, "c2": 1}),
        ("wait_ms", "sum", {"c1": 150.0, "c2": 100.0}),
        ("duration_ms", "max", {"c1": 110.0, "c2": 10.0}),
    ],
)
def test_values_are_counts_or_aggregates(
    values: str, aggregate: str, expected: dict[str, Any], eventful_log: list[Recorded]
) -> None:
    for source in (eventful_log, attempts_df(eventful_log)):
        matrix = retry_matrix(source, "conversation_id", "provider", values, aggregate)
        assert matrix["simulated"].to_dict() == expected


@pytest.mark.parametrize("values", ["attempts", "effects", "retries", "wait_ms"])
def test_an_empty_log_gives_an_empty_matrix(values: str) -> None:
    matrix = retry_matrix([], values=values)
    assert matrix.empty
    assert list(matrix.columns.names) == ["backend", "stream"]


@pytest.mark.parametrize(
    "arguments", [{"index": "eror_category"}, {"columns": ["backend", "x"]}, {"values": "waits_ms"}]
)
def test_unknown_columns_are_refused(arguments: dict[str, Any], eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match="no column named"):
        retry_matrix(eventful_log, **arguments)
