"""Watches a runtime for OpenTelemetry, where the settings say so.

Nothing of it is loaded otherwise. A message that is sent inside a span names it in its `traceparent` extension, so the
turn hangs below that span: live, and also when the journal is exported later.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..llm.settings import Settings

if TYPE_CHECKING:
    from .bus import Bus


@contextmanager
def traced(bus: "Bus", settings: Settings) -> Iterator[None]:
    """Record what `bus` publishes until the block ends, if `settings.opentelemetry.live`."""
    if not settings.opentelemetry.live:
        yield
        return
    from ..otel.recorder import TYPES, Recorder

    recorder = Recorder(conventions=settings.opentelemetry.conventions)
    endings = [bus.subscribe(pattern, recorder.apply) for pattern in TYPES]
    try:
        yield
    finally:
        for unsubscribe in endings:
            unsubscribe()
        recorder.close()


def sender(settings: Settings) -> Mapping[str, str]:
    """The span that the caller is in, as the extensions of a message; empty without one."""
    carrier: dict[str, str] = {}
    if settings.opentelemetry.live:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(carrier)
    return carrier
