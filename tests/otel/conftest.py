"""A real tracer and a real meter, which keep what they are told in memory."""

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Told:
    """What OpenTelemetry was told, and the providers to tell it by."""

    def __init__(self):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(shutdown_on_exit=False), MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self):
        """In the order they began, a parent before its children."""
        found = self.exporter.get_finished_spans()
        return sorted(found, key=lambda span: (span.start_time, len(_line(span, found))))

    def story(self):
        """Each span as name, kind, status, times, attributes, and the names of those it hangs below."""
        found = self.spans
        return [
            (
                *_line(span, found),
                span.kind.name,
                span.status.status_code.name,
                span.start_time,
                span.end_time,
                dict(span.attributes),
                [(event.name, event.timestamp, dict(event.attributes)) for event in span.events],
            )
            for span in found
        ]

    def measured(self):
        """By instrument: its points as (attributes, count or value)."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: [(dict(point.attributes), getattr(point, "count", None) or point.value) for point in points]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if (points := metric.data.data_points)
        }


def _line(span, spans):
    names = [span.name]
    while span.parent is not None:
        span = next((other for other in spans if other.context.span_id == span.parent.span_id), None)
        if span is None:
            break
        names.append(span.name)
    return names[::-1]


@pytest.fixture
def told():
    return Told()


@pytest.fixture(scope="session")
def _process():
    # The providers of a process can be set once only.
    process = Told()
    trace.set_tracer_provider(process.tracers)
    metrics.set_meter_provider(process.meters)
    return process


@pytest.fixture
def live(_process):
    """What the process's own providers are told during this test."""
    _process.exporter.clear()
    yield _process
    _process.exporter.clear()
