"""Rule 12: numbers that count once, know their backend, and follow from the log alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.projections.histogram import LARGEST_MS, Histogram
from jido_nb.core.projections.metrics import MAX_LABELS, MAX_OPEN, Metrics
from jido_nb.core.projections.telemetry import TelemetrySnapshot
from jido_nb.core.signal import Signal
from jido_nb.journal.codec import LazyData
from jido_nb.testing.builders import START_US, Storyteller, signal
from jido_nb.testing.strategies import arrivals, json_values

LLM = "conv.effect.llm.generation"


def numbers(*signals: Signal) -> TelemetrySnapshot:
    metrics = Metrics()
    for each in signals:
        metrics.apply(each)
    return metrics.snapshot()


def step(lifecycle: str, effect_id: str = "e1", at_ms: float = 0.0, **data: Any) -> Signal:
    return signal(f"{LLM}.{lifecycle}", effect_id=effect_id, time_us=START_US + round(at_ms * 1000), **data)


def turn(*middle: Signal, **ending: Any) -> list[Signal]:
    return [step("started", backend="jido_ai"), *middle, step(**{"lifecycle": "completed", "at_ms": 500.0, **ending})]


def test_an_empty_log_has_empty_numbers() -> None:
    empty = numbers()
    assert empty.lifecycle_counts == {"started": 0, "progress": 0, "completed": 0, "failed": 0, "canceled": 0}
    assert empty.stream_duration_ms["count"] == 0
    assert empty.stream_duration_ms["avg_ms"] == 0.0
    assert empty.stream_duration_ms["p99_ms"] is None
    assert empty.tokens["input_tokens"] is None
    assert empty.cost == {}


def test_every_lifecycle_signal_counts_once_under_its_backend() -> None:
    """The original put started, retrying and failed under "unknown" (W-41)."""
    retry = step("progress", status="retrying", error_category="provider")
    again = step("progress", status="retry_attempt_started")
    found = numbers(*turn(retry, again, lifecycle="failed", error_category="provider"))
    assert found.lifecycle_by_backend == {
        "jido_ai": {"started": 1, "progress": 2, "completed": 0, "failed": 1, "canceled": 0}
    }
    assert found.lifecycle_counts == found.lifecycle_by_backend["jido_ai"]
    assert found.failure_by_category == {"provider": 1}


def test_a_backend_that_is_never_named_is_unknown() -> None:
    assert list(numbers(step("started"), step("failed")).lifecycle_by_backend) == ["unknown"]


@pytest.mark.parametrize("outcome", ["ok", "not_available", "failed"])
def test_a_cancel_counts_once(outcome: str) -> None:
    """The original counted each cancel twice (W-41)."""
    found = numbers(*turn(lifecycle="canceled", backend_cancel=outcome, cancel_latency_ms=12.5))
    assert found.cancel_results == {outcome: 1}
    assert (found.cancel_latency_ms["count"], found.cancel_latency_ms["max_ms"]) == (1, 12.5)


def test_chunks_count_as_they_were_sent_not_as_they_were_joined() -> None:
    """Rule 5: deltas are joined at the source, and no timing is lost."""
    found = numbers(
        *turn(
            step("progress", status="thinking", thinking_delta="hm", thinking_chunks=[[5.0, 2]]),
            step("progress", status="streaming", token_delta="abcd", chunks=[[10.0, 1], [11.0, 2], [12.0, 1]]),
            step("progress", status="streaming", token_delta="e"),
        )
    )
    assert found.stream_chunks == {"delta": 4, "thinking": 1, "total": 5}


def test_retries_count_by_category() -> None:
    kinds = ["provider", "provider", "timeout", None, " "]
    found = numbers(*(step("progress", status="retrying", error_category=kind) for kind in kinds))
    assert (found.retry_count, found.retry_by_category) == (5, {"provider": 2, "timeout": 1})


def test_retries_of_other_effects_count_but_not_as_generations() -> None:
    found = numbers(signal("conv.effect.tool.execution.progress", status="retrying", error_category="unknown"))
    assert (found.retry_count, found.retry_by_category) == (1, {})
    assert sum(found.lifecycle_counts.values()) == 0


def test_a_duration_goes_from_start_to_end_with_all_retries() -> None:
    found = numbers(*turn(step("progress", at_ms=100.0, status="retrying")))
    assert (found.stream_duration_ms["count"], found.stream_duration_ms["avg_ms"]) == (1, 500.0)


@pytest.mark.parametrize(
    ("middle", "ending", "first_ms"),
    [
        ([], {"first_chunk_ms": 42.0}, 42.0),
        ([step("progress", token_delta="x", chunks=[[30.0, 1]])], {"first_chunk_ms": None}, 30.0),
        ([step("progress", thinking_delta="x", thinking_chunks=[[20.0, 1]])], {}, 20.0),
        (
            [
                step("progress", token_delta="x", chunks=[[30.0, 1]]),
                step("progress", status="retrying"),
                step("progress", token_delta="x", chunks=[[70.0, 1]]),
            ],
            {},
            70.0,
        ),
        ([], {}, None),
    ],
    ids=["the end says", "the chunks say", "thinking counts", "the last attempt's", "nothing came"],
)
def test_the_first_token_is_that_of_the_last_attempt(
    middle: list[Signal], ending: dict[str, Any], first_ms: float | None
) -> None:
    assert numbers(*turn(*middle, **ending)).time_to_first_token_ms["max_ms"] == first_ms


def test_tokens_and_cost_of_failed_attempts_are_kept() -> None:
    """The original lost the usage of everything that failed (W-29)."""
    cost = {"amount": 0.1, "currency": "USD"}
    found = numbers(
        *turn(
            step("progress", status="retrying", usage={"input_tokens": 10, "output_tokens": None}, cost=cost),
            result={"usage": {"input_tokens": 10, "output_tokens": 7}, "cost": {"amount": 0.2}},
        ),
        *turn(lifecycle="canceled", usage={"input_tokens": 1}, cost={"amount": 3, "currency": "EUR"}),
    )
    assert found.tokens["input_tokens"] == 21
    assert found.tokens["output_tokens"] == 7
    assert found.tokens["reasoning_tokens"] is None
    assert found.cost == {"USD": 0.3, "EUR": 3.0}


@given(arrivals())
def test_live_and_recomputed_numbers_are_equal(signals: list[Signal]) -> None:
    live = Metrics()
    for each in signals:
        live.apply(each)
        live.snapshot()
    stored = [
        Signal(each.id, each.type, each.source, each.subject, each.time_us, LazyData(each.body), each.extensions,
               each.body)
        for each in signals
    ]  # fmt: skip
    recomputed = numbers(*stored)
    assert live.snapshot(queue_depth={"0": 3}, apply_latency_ms={"count": 1}) == recomputed
    measured = ("queue_depth", "apply_latency_ms", "abort_latency_ms")
    kept = {key: value for key, value in live.snapshot().as_dict().items() if key not in measured}
    assert kept == {key: value for key, value in recomputed.as_dict().items() if key not in measured}


def test_a_snapshot_stays_as_it_was() -> None:
    metrics = Metrics()
    metrics.apply(step("started"))
    before = metrics.snapshot()
    text = repr(before)
    metrics.apply(step("failed"))
    assert repr(before) == text
    assert before != metrics.snapshot()


def test_an_effect_is_forgotten_with_its_end_and_only_so_many_are_open() -> None:
    metrics = Metrics()
    for number in range(MAX_OPEN + 50):
        metrics.apply(step("started", f"open{number}"))
        metrics.apply(step("started", "ended"))
        metrics.apply(step("completed", "ended"))
    assert len(metrics._open) <= MAX_OPEN
    assert metrics.snapshot().lifecycle_counts["started"] == 2 * (MAX_OPEN + 50)


def test_names_from_outside_do_not_grow_without_bound() -> None:
    signals = [step("failed", backend=f"b{n}", error_category=f"c{n}", cost={"amount": 1, "currency": f"X{n}"})
               for n in range(3 * MAX_LABELS)]  # fmt: skip
    found = numbers(*signals)
    for counted in (found.lifecycle_by_backend, found.failure_by_category, found.cost):
        assert len(counted) == MAX_LABELS + 1
        assert "other" in counted
    assert len(repr(found).splitlines()) <= 24
    assert max(map(len, repr(found).splitlines())) <= 180


KEYS = ["backend", "status", "chunks", "thinking_chunks", "usage", "cost", "result", "first_chunk_ms", "effect_id"]
MORE_KEYS = ["token_delta", "thinking_delta", "cancel_latency_ms", "backend_cancel", "error_category"]


@given(
    st.sampled_from(["started", "progress", "completed", "failed", "canceled", "odd"]),
    st.dictionaries(
        st.sampled_from(KEYS + MORE_KEYS),
        json_values() | st.just({"amount": 10**400}) | st.just({"input_tokens": 10**400}) | st.just([[10**400, 1]]),
    ),
)
def test_no_payload_can_stop_the_counting(lifecycle: str, data: dict[str, Any]) -> None:
    found = numbers(signal(f"{LLM}.{lifecycle}", **data))
    repr(found)
    assert found == found


def test_it_reads_well() -> None:
    told = Storyteller()
    signals = told.turn(chunks=["a", "b"], retries=1) + told.turn(ending="canceled") + told.turn(ending="failed")
    assert repr(numbers(*signals)).splitlines()[:7] == [
        "Telemetry",
        "  generations     started 3, progress 11, completed 1, failed 1, canceled 1",
        "    jido_ai       started 3, progress 11, completed 1, failed 1, canceled 1",
        "  retries         1 (provider 1)",
        "  failures        1 (provider 1)",
        "  cancels         ok 1",
        "  chunks          delta 9, total 9",
    ]


def test_nothing_that_comes_from_outside_is_markup_or_a_line_of_its_own() -> None:
    nasty = "<script>alert(1)</script>\nretries 99\x1b[2J"
    found = numbers(step("failed", backend=nasty, error_category=nasty))
    bundle = found._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "<script" not in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]
    assert not any(line.strip().startswith("retries 99") for line in bundle["text/plain"].splitlines())
    assert "\x1b" not in bundle["text/plain"]
    assert repr(numbers()).splitlines() == ["Telemetry", "  nothing happened yet"]


class TestHistogram:
    @given(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
    def test_a_quantile_is_off_by_at_most_five_percent(self, durations: list[float], share: float) -> None:
        histogram = Histogram()
        for ms in durations:
            histogram.add(ms)
        exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
        found = histogram.quantile(share)
        assert found is not None
        assert abs(found - exact) <= 0.05 * exact

    @given(st.lists(st.floats(0, 1e9), max_size=30), st.randoms(use_true_random=False))
    def test_the_order_of_durations_does_not_matter(self, durations: list[float], random: Any) -> None:
        shuffled = list(durations)
        random.shuffle(shuffled)
        summaries = []
        for order in (durations, shuffled):
            histogram = Histogram()
            for ms in order:
                histogram.add(ms)
            summaries.append(histogram.summary())
        assert summaries[0] == summaries[1]

    def test_memory_does_not_grow_with_the_number_of_durations(self) -> None:
        histogram = Histogram()
        for number in range(20_000):
            histogram.add(number * 1.7)
            histogram.add(1e300)
            histogram.add(1e-300)
        assert len(histogram._buckets) < 450
        assert histogram.summary()["count"] == 60_000
        assert LARGEST_MS < 1e300

    @pytest.mark.parametrize("odd", [-1.0, float("nan"), float("inf")])
    def test_what_is_no_duration_is_left_out(self, odd: float) -> None:
        histogram = Histogram()
        histogram.add(odd)
        assert histogram.summary()["count"] == 0


NUMBERS = {"count", "avg_ms", "min_ms", "max_ms", "p50_ms", "p95_ms", "p99_ms"}


def test_a_snapshot_has_the_shape_of_the_original_and_more() -> None:
    """Reference, 1.17; each duration also with percentiles."""
    told = numbers(*Storyteller().turn()).as_dict()
    queues = {"queue_depth", "apply_latency_ms", "abort_latency_ms", "dlq_count", "dispatch_failure_count"}
    assert told.keys() == queues | {"last_dispatch_failure", "retry_count", "llm"}
    assert told["queue_depth"].keys() == {"total", "by_partition"}
    llm = told["llm"]
    original = {"lifecycle_counts", "lifecycle_by_backend", "cancel_latency_ms", "stream_duration_ms", "stream_chunks"}
    ours = {"retry_by_category", "cancel_results", "failure_by_category", "time_to_first_token_ms", "tokens", "cost"}
    assert llm.keys() == original | ours
    for duration in ("cancel_latency_ms", "stream_duration_ms", "time_to_first_token_ms"):
        assert llm[duration].keys() == NUMBERS
    assert llm["stream_chunks"].keys() == {"delta", "thinking", "total"}


@given(st.lists(st.lists(st.floats(0, 1e6), max_size=8), max_size=4))
def test_merged_histograms_tell_what_one_would_have_told(parts: list[list[float]]) -> None:
    whole, each = Histogram(), [Histogram() for _ in parts]
    for histogram, durations in zip(each, parts, strict=True):
        for ms in durations:
            histogram.add(ms)
            whole.add(ms)
    assert Histogram.merged(each).summary() == whole.summary()
