"""The measurements of an attempt, as the instruments of the GenAI conventions and two of our own."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Histogram, Meter

from .facts import Facts

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""Bucket bounds that the conventions ask for."""

LABELS = ("operation", "provider", "model", "served_model", "error", "backend")
"""Facts that measurements are told apart by: few values each, so that series stay few."""


class Instruments:
    """Counts every attempt once, when it has ended."""

    def __init__(self, meter: Meter, metrics: Mapping[str, str], attributes: Mapping[str, str]) -> None:
        self._attributes = attributes
        self._duration = _histogram(meter, metrics, "duration", "s", "How long an attempt took", SECONDS)
        self._first_chunk = _histogram(meter, metrics, "first_chunk", "s", "Time to the first chunk", SECONDS)
        self._tokens = _histogram(meter, metrics, "tokens", "{token}", "Tokens of an attempt", TOKENS)
        self._retries = meter.create_counter(metrics["retries"], "{retry}", "Attempts that were tried again")
        self._cancels = meter.create_counter(metrics["cancels"], "{cancel}", "Attempts that were canceled")

    def record(self, facts: Facts, duration_s: float) -> None:
        """`facts` of the attempt's request and of its ending together."""
        labels = self._named({label: facts[label] for label in LABELS if label in facts})
        if self._duration is not None:
            self._duration.record(duration_s, labels)
        if self._first_chunk is not None and "first_chunk_s" in facts:
            self._first_chunk.record(facts["first_chunk_s"], labels)
        for kind in ("input", "output"):
            if self._tokens is not None and (count := facts.get(f"{kind}_tokens")) is not None:
                self._tokens.record(count, {**labels, **self._named({"token_type": kind})})
        if facts["status"] == "retried":
            self._retries.add(1, labels)
        if facts["status"] == "canceled":
            self._cancels.add(1, labels)

    def _named(self, facts: Facts) -> dict[str, Any]:
        return {name: value for fact, value in facts.items() if (name := self._attributes.get(fact)) is not None}


def _histogram(
    meter: Meter, metrics: Mapping[str, str], key: str, unit: str, doc: str, bounds: tuple[float, ...]
) -> Histogram | None:
    name = metrics.get(key)
    return None if name is None else meter.create_histogram(name, unit, doc, explicit_bucket_boundaries_advisory=bounds)
