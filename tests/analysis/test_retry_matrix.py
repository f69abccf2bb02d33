"""The retry matrix: every attempt is counted exactly once."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from jido_nb.analysis.aggregates import AGGREGATES
from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.frames.turns import turns_df
from jido_nb.analysis.retry_matrix import RetryMatrix, retry_matrix
from jido_nb.analysis.words import figure
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError
from jido_nb.llm.settings import Settings
from jido_nb.runtime.opening import open_runtime
from jido_nb.simulator.server import serve


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


COLUMNS = [column.name for column in attempts_df.columns]


def test_any_column_is_a_dimension_and_counts_every_attempt_once(full_log: list[Recorded]) -> None:
    attempts = attempts_df(full_log)
    for column in COLUMNS:
        other = "backend" if column != "backend" else "attempt"
        assert int(retry_matrix(attempts, column, other).to_numpy().sum()) == len(attempts)
        assert int(retry_matrix(attempts, other, column).to_numpy().sum()) == len(attempts)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_any_column_has_numbers_or_says_that_it_has_none(aggregate: str, full_log: list[Recorded]) -> None:
    attempts = attempts_df(full_log)
    for column in COLUMNS:
        numbers = str(attempts[column].dtype).startswith(("int", "double"))
        numbers |= aggregate == "sum" and str(attempts[column].dtype).startswith("bool")
        if AGGREGATES[aggregate].numbers and not numbers:
            with pytest.raises(ConfigError, match=f"{aggregate} needs numbers, and {column} holds"):
                retry_matrix(attempts, "outcome", "backend", column, aggregate)
        else:
            matrix = retry_matrix(attempts, "outcome", "backend", column, aggregate)
            assert list(matrix.columns) == ["harness", "jido_ai", "none"]


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        *(("sum", 120.0), ("mean", 60.0), ("median", 60.0), ("min", 10.0), ("max", 110.0), ("count", 2)),
        *(("p90", 100.0), ("p95", 105.0), ("p99", 109.0), ("std", 70.71067811865476), ("distinct", 2)),
        ("rate", 2 / 3),
    ],
)
def test_aggregates_are_those_of_the_known_cells(story: Any, aggregate: str, expected: float) -> None:
    for number, duration_ms in enumerate((10.0, 110.0, None)):
        effect = story.message(number * 200, f"m{number}")
        effect.start(number * 200)
        if duration_ms is not None:
            effect.complete(number * 200 + 150, "done", duration_ms=duration_ms)
    matrix = retry_matrix(story.log, "provider", "backend", "duration_ms", aggregate)
    assert matrix.loc["simulated", "jido_ai"] == pytest.approx(expected)


def test_the_sum_of_what_is_true_or_not_is_how_many_are_true(eventful_log: list[Recorded]) -> None:
    matrix = retry_matrix(eventful_log, "backend", "conversation_id", "retryable")
    attempts = attempts_df(eventful_log)
    assert matrix.loc["jido_ai"].sum() == attempts["retryable"].sum() > 0


def test_no_columns_at_all_give_one_column(eventful_log: list[Recorded]) -> None:
    assert (
        repr(retry_matrix(eventful_log, "backend", ()))
        == """\
attempts by backend
           attempts
  harness         1
  jido_ai         5"""
    )


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        *((0.0, "0"), (3, "3"), (12_345, "12,345"), (1.5, "1.5"), (4434.9695, "4,434.97"), (1_234_567.8, "1,234,568")),
        *((0.00054615, "0.00054615"), (1e-7, "1e-07"), (None, ""), (float("nan"), "")),
    ],
)
def test_a_cell_is_as_long_as_it_tells_something(cell: Any, told: str) -> None:
    assert figure(cell) == told


def test_what_nobody_told_is_missing_and_not_zero(eventful_log: list[Recorded]) -> None:
    matrix = retry_matrix(eventful_log, "backend", "outcome", "cost_usd")
    assert matrix.loc["jido_ai"].dropna().to_dict() == {"completed": 0.25, "retried": 0.05}
    assert matrix.loc["jido_ai"].isna().sum() == 3
    assert retry_matrix(eventful_log, "backend", "outcome", "retries", "rate").loc["jido_ai", "retried"] == 1.0


def test_labels_sort_as_their_values_do_with_missing_ones_last(story: Any) -> None:
    effect = story.message(0)
    effect.start(1)
    for number in range(11):
        effect.retry(10 * number + 5, duration_ms=4.0, wait_ms=0, details={"status": 429} if number % 2 else {})
        effect.again(10 * number + 6)
    matrix = retry_matrix(story.log, "attempt", "http_status")
    assert list(matrix.index) == [str(number) for number in range(1, 13)]
    assert list(matrix.columns) == ["429", "none"]


def test_it_reads_at_a_glance_whatever_pandas_is_set_to(eventful_log: list[Recorded]) -> None:
    expected = """\
attempts by error_category and backend, stream
  backend   harness  jido_ai  jido_ai
  stream       True    False     True
  auth            1        0        0
  provider        0        1        1
  none            0        0        3"""
    assert repr(retry_matrix(eventful_log)) == expected
    with pd.option_context("display.max_rows", 1, "display.width", 20):
        assert repr(retry_matrix(eventful_log)) == expected
    html = retry_matrix(eventful_log)._repr_html_()
    assert html.count("<tr>") == 5
    assert "<td" in html
    assert repr(retry_matrix(eventful_log, values="wait_ms", aggregate="mean")).startswith("mean of wait_ms by error")
    assert repr(retry_matrix([])) == "attempts by error_category and backend, stream\n  no attempts"


def test_labels_of_a_log_are_text_and_never_markup(story: Any) -> None:
    effect = story.message(0)
    effect.asked["model"] = "<script>alert(1)</script>\x1b[31m\nred " + "x" * 100
    effect.start(1)
    matrix = retry_matrix(story.log, "model", "backend")
    assert "<script" not in matrix._repr_html_()
    assert "&lt;script&gt;" in matrix._repr_html_()
    assert "\x1b" not in repr(matrix)
    assert max(map(len, repr(matrix).splitlines())) < 60


def test_what_is_made_of_it_is_a_plain_frame(eventful_log: list[Recorded]) -> None:
    matrix = retry_matrix(eventful_log)
    assert isinstance(matrix, RetryMatrix)
    assert type(matrix.head(1)) is pd.DataFrame
    assert type(matrix.sum(axis=1)) is pd.Series


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"values": "wait_ms", "aggregate": "sums"}, "Did you mean 'sum'"),
        ({"values": "attempts", "aggregate": "mean"}, "attempts are counted"),
        ({"values": "effects", "aggregate": "rate"}, "effects are counted"),
    ],
)
def test_aggregates_that_do_not_fit_are_refused(
    arguments: dict[str, Any], told: str, eventful_log: list[Recorded]
) -> None:
    with pytest.raises(ConfigError, match=told):
        retry_matrix(eventful_log, **arguments)


@pytest.mark.anyio
async def test_it_counts_what_went_over_the_wire() -> None:
    """Every request that the server saw is one attempt in one cell, and there is no other."""
    async with serve() as server:
        provider = {"base_url": server.url}
        settings = Settings.model_validate({"llm": {"backends": {"jido_ai": {"providers": {"simulated": provider}}}}})
        async with open_runtime(settings) as runtime:
            turns = [
                await runtime.conversation(f"{model}/{stream}").send(
                    "hello", model=f"simulated:{model}", stream=stream, effect_policy={"backoff_ms": 1}
                )
                for model in ("echo", "flaky-503", "always-503", "unauthorized", "truncated")
                for stream in (True, False)
            ]
            for turn in turns:
                await turn.wait()
            matrix = retry_matrix(runtime, "conversation_id", "http_status")
            effects = retry_matrix(runtime, "conversation_id", "backend", "effects")
        wire = Counter(f"{exchange.model}/{exchange.stream}" for exchange in server.requests)
        failed = Counter(f"{each.model}/{each.stream}" for each in server.requests if (each.status or 0) >= 400)
    assert matrix.sum(axis=1).to_dict() == wire
    assert matrix.drop(columns="none").sum(axis=1).to_dict() == {name: failed[name] for name in wire}
    assert effects["jido_ai"].to_dict() == dict.fromkeys(wire, 1)
    assert len(wire) == 10


@pytest.mark.parametrize("arguments", [{"index": ()}, {"index": 3}, {"index": None}, {"columns": 3}])
def test_dimensions_that_are_none_are_refused_by_name(arguments: dict[str, Any], eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError) as refused:
        retry_matrix(eventful_log, **arguments)
    assert {refused.value.field: refused.value.value} == arguments


def test_a_frame_of_another_kind_is_refused(eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match="no column named 'outcome' in attempts_df"):
        retry_matrix(turns_df(eventful_log), "error_category", "backend")


@pytest.mark.parametrize(
    "arguments", [{"index": "eror_category"}, {"columns": ["backend", "x"]}, {"values": "waits_ms"}]
)
def test_unknown_columns_are_refused(arguments: dict[str, Any], eventful_log: list[Recorded]) -> None:
    with pytest.raises(ConfigError, match="no column named"):
        retry_matrix(eventful_log, **arguments)
