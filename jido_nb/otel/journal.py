"""The spans of a journal, long after: no runtime, no model, and the times are those of the log."""

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from ..analysis.source import Source, opened
from ..llm.settings import Conventions
from .recorder import TYPES, Recorder


def to_opentelemetry(
    source: Source,
    subject: str | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    conventions: Conventions = "latest",
) -> None:
    """Send a journal's turns, attempts and tool calls to OpenTelemetry, as if they had been watched live.

    Exported once more, they are spans of new ids: OpenTelemetry knows no journal.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or signals.
        subject: Only this conversation.
        tracer_provider: None: the one that is set for the process. Likewise `meter_provider`.
        conventions: `latest`, or `1.36` for back ends that know the older GenAI names.

    Raises:
        ConfigError: not a source, or no such conventions.
        JournalError: the path holds no journal that can be read.
    """
    recorder = Recorder(tracer_provider, meter_provider, conventions)
    with opened(source, subject) as found:
        for recorded in found.read(TYPES):
            recorder.apply(recorded)
    recorder.close()
