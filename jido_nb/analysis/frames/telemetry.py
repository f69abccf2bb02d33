"""`telemetry_df`: the numbers of a log, tidy: one row per metric and combination of labels."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]

from ...core.projections.metrics import Metrics
from ...core.projections.telemetry import TelemetrySnapshot
from ...errors import ConfigError
from ..column import FLOAT, TEXT, Column, build_table
from ..filters import Filters
from ..frame import Frame
from ..source import OpenSource, Source
from ..told import EFFECT_TYPES


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


def _recounted(found: OpenSource, filters: Filters) -> Iterator[Measure]:
    metrics = Metrics()
    types = EFFECT_TYPES if filters.types is None else None
    for recorded in found.read(types, filters=filters):
        metrics.apply(recorded.signal)
    return measures_of(metrics.snapshot())


def measures_of(snapshot: TelemetrySnapshot) -> Iterator[Measure]:
    """Each number of a snapshot that a log tells."""
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


class _TelemetryFrame(Frame[Measure]):
    """Also takes a snapshot, which is counted already."""

    def _tabulate(self, source: Source, subject: str | None, filters: Filters, *arguments: Any) -> pa.Table:
        if not isinstance(source, TelemetrySnapshot):
            return super()._tabulate(source, subject, filters, *arguments)
        if subject is not None or filters.narrow:
            message = "a snapshot is counted already and cannot be filtered; give the journal instead"
            raise ConfigError(message, field="source")
        columns, faults = arguments
        return build_table(columns, measures_of(source), faults=faults)


telemetry_df = _TelemetryFrame(
    "telemetry_df",
    "One row per number of `lab.telemetry()`, of a log, or of a snapshot that was taken live, given as `source`.",
    TELEMETRY_COLUMNS,
    _recounted,
    given="a `Measure`",
)
