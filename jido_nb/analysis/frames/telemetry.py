"""`telemetry_df`: the numbers of a log, tidy: one row per metric and combination of labels."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from ...core.projections.metrics import Metrics
from ...core.projections.telemetry import TelemetrySnapshot
from ..attempts import EFFECT_TYPES
from ..column import FLOAT, TEXT, Column, build_frame, choose
from ..source import Source, read_source


class Measure(NamedTuple):
    """One number. `labels` reads `name=value`, several joined by commas, in a fixed order; empty for a total."""

    metric: str
    labels: str
    value: float | None
    unit: str


TELEMETRY_COLUMNS: tuple[Column[Measure], ...] = (
    Column("metric", TEXT, lambda m: m.metric, "what was counted or measured"),
    Column("labels", TEXT, lambda m: m.labels, "of which part, such as backend=jido_ai,lifecycle=started"),
    Column("value", FLOAT, lambda m: m.value, "the number; null if nothing told it"),
    Column("unit", TEXT, lambda m: m.unit, "signals, attempts, cancels, effects, chunks, ms, tokens or a currency"),
)


def telemetry_df(
    source: Source, subject: str | None = None, columns: Iterable[str | Column[Measure]] | None = None
) -> pd.DataFrame:
    """The metrics of a log, or of a snapshot that was taken live, one row per number.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, a list of signals, or a `TelemetrySnapshot`.
        subject: Only this conversation.
        columns: Names of `TELEMETRY_COLUMNS` and columns of your own, whose `get` is given a `Measure`.

    Raises:
        ConfigError: not a source, an unknown column.
        JournalError: the journal cannot be read.
        ColumnError: one of your columns failed.
    """
    if isinstance(source, TelemetrySnapshot):
        snapshot = source
    else:
        metrics = Metrics()
        for recorded in read_source(source, types=EFFECT_TYPES, subject=subject):
            metrics.apply(recorded.signal)
        snapshot = metrics.snapshot()
    return build_frame(choose(TELEMETRY_COLUMNS, columns), _measures(snapshot))


def _measures(snapshot: TelemetrySnapshot) -> Iterator[Measure]:
    for backend, counts in sorted(snapshot.lifecycle_by_backend.items()):
        for lifecycle, count in counts.items():
            yield Measure("lifecycle_count", f"backend={backend},lifecycle={lifecycle}", count, "signals")
    yield Measure("retry_count", "", snapshot.retry_count, "attempts")
    yield from _counted("retry_by_category", "category", snapshot.retry_by_category, "attempts")
    yield from _counted("failure_by_category", "category", snapshot.failure_by_category, "effects")
    yield from _counted("cancel_results", "result", snapshot.cancel_results, "cancels")
    kinds = {kind: count for kind, count in snapshot.stream_chunks.items() if kind != "total"}
    yield from _counted("stream_chunks", "kind", kinds, "chunks")
    for metric in ("stream_duration_ms", "time_to_first_token_ms", "cancel_latency_ms"):
        for statistic, value in getattr(snapshot, metric).items():
            unit = "effects" if statistic == "count" else "ms"
            yield Measure(metric, f"statistic={statistic.removesuffix('_ms')}", value, unit)
    yield from _counted("tokens", "kind", snapshot.tokens, "tokens")
    for currency, amount in sorted(snapshot.cost.items()):
        yield Measure("cost", f"currency={currency}", amount, currency)


def _counted(metric: str, label: str, counts: Mapping[str, int | None], unit: str) -> Iterator[Measure]:
    for name, count in sorted(counts.items()):
        yield Measure(metric, f"{label}={name}", count, unit)
