"""What happened so far, in numbers: a value that reads well in a terminal, in a cell and as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Summary = Mapping[str, float | int | None]
"""`count`, `avg_ms`, `min_ms`, `max_ms` and, where it comes from a histogram, `p50_ms`, `p95_ms`, `p99_ms`."""

_SHOWN_BACKENDS = 6


@dataclass(frozen=True, repr=False)
class TelemetrySnapshot:
    """Counts, durations, tokens and cost of the generations in a log.

    Everything that the log tells is compared: a live snapshot equals the one made from the journal. Queue figures are
    measured while running, are in no log, and are left out of the comparison.
    """

    lifecycle_counts: Mapping[str, int]
    lifecycle_by_backend: Mapping[str, Mapping[str, int]]
    retry_count: int
    """Attempts of any effect that failed and were followed by a wait for the next one."""
    retry_by_category: Mapping[str, int]
    failure_by_category: Mapping[str, int]
    cancel_results: Mapping[str, int]
    """What the backend answered to a cancel: ok, not_available or failed. Each cancel is counted once."""
    stream_chunks: Mapping[str, int]
    """Chunks as the backend sent them, before they were joined: delta, thinking, total."""
    stream_duration_ms: Summary
    """From the start of an effect to its end, retries and waits included."""
    time_to_first_token_ms: Summary
    """From the start of an effect's last attempt to its first piece of text or thinking."""
    cancel_latency_ms: Summary
    tokens: Mapping[str, int | None]
    """Of all attempts, failed and canceled ones too; None: no attempt told."""
    cost: Mapping[str, float]
    """Amount by currency, of the attempts whose price is known."""
    queue_depth: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Signals that wait, by partition."""
    apply_latency_ms: Summary = field(default_factory=dict, compare=False)
    abort_latency_ms: Summary = field(default_factory=dict, compare=False)
    """From the arrival of a control signal to its application."""
    not_applied: int = field(default=0, compare=False)
    """Signals that no rule could take; they are set aside and the others go on."""
    dispatch_failures: int = field(default=0, compare=False)
    """Subscribers that raised."""
    last_dispatch_failure: str | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain data in nested dicts."""
        return {
            "queue_depth": {"total": sum(self.queue_depth.values()), "by_partition": dict(self.queue_depth)},
            "apply_latency_ms": dict(self.apply_latency_ms),
            "abort_latency_ms": dict(self.abort_latency_ms),
            "retry_count": self.retry_count,
            "dlq_count": self.not_applied,
            "dispatch_failure_count": self.dispatch_failures,
            "last_dispatch_failure": self.last_dispatch_failure,
            "llm": {
                "lifecycle_counts": dict(self.lifecycle_counts),
                "lifecycle_by_backend": {name: dict(counts) for name, counts in self.lifecycle_by_backend.items()},
                "retry_by_category": dict(self.retry_by_category),
                "failure_by_category": dict(self.failure_by_category),
                "cancel_results": dict(self.cancel_results),
                "stream_chunks": dict(self.stream_chunks),
                "stream_duration_ms": dict(self.stream_duration_ms),
                "time_to_first_token_ms": dict(self.time_to_first_token_ms),
                "cancel_latency_ms": dict(self.cancel_latency_ms),
                "tokens": dict(self.tokens),
                "cost": dict(self.cost),
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """Label and text of each line that is shown; what is empty is left out."""
        backends = sorted(self.lifecycle_by_backend)
        rows = [("generations", _counts(self.lifecycle_counts))]
        rows += [(f"  {name}", _counts(self.lifecycle_by_backend[name])) for name in backends[:_SHOWN_BACKENDS]]
        if len(backends) > _SHOWN_BACKENDS:
            rows.append(("  …", f"and {len(backends) - _SHOWN_BACKENDS} more backends"))
        rows += [
            ("retries", _total(self.retry_count, self.retry_by_category)),
            ("failures", _total(self.lifecycle_counts.get("failed", 0), self.failure_by_category)),
            ("cancels", _counts(self.cancel_results)),
            ("chunks", _counts(self.stream_chunks)),
            ("first token", _duration(self.time_to_first_token_ms)),
            ("duration", _duration(self.stream_duration_ms)),
            ("cancel latency", _duration(self.cancel_latency_ms)),
            ("tokens", _counts({key.removesuffix("_tokens"): count for key, count in self.tokens.items()})),
            ("cost", ", ".join(f"{amount:.6g} {currency}" for currency, amount in sorted(self.cost.items()))),
            ("not applied", str(self.not_applied or "")),
            ("subscribers that raised", _last(self.dispatch_failures, self.last_dispatch_failure)),
            ("waiting", str(sum(self.queue_depth.values())) if any(self.queue_depth.values()) else ""),
        ]
        return [(label, text) for label, text in rows if text]

    def __repr__(self) -> str:
        lines = [f"  {_one_line(label):<16}{_one_line(text)}" for label, text in self.rows()]
        return "\n".join(["Telemetry", *(lines or ["  nothing happened yet"])])

    def _repr_mimebundle_(self, include: Sequence[str] | None = None, exclude: Sequence[str] | None = None) -> Any:
        lines = "".join(
            f'<tr><th style="text-align:left">{escape(label)}</th><td style="text-align:left">{escape(text)}</td></tr>'
            for label, text in self.rows()
        )
        return {"text/plain": repr(self), "text/html": f"<table><caption>Telemetry</caption>{lines}</table>"}


def _counts(counts: Mapping[str, int | None]) -> str:
    return ", ".join(f"{key} {count}" for key, count in counts.items() if count)


def _total(total: int, parts: Mapping[str, int]) -> str:
    return f"{total} ({_counts(parts)})" if total and parts else str(total or "")


def _last(count: int, last: str | None) -> str:
    return f"{count} (last: {last})" if count else ""


def _duration(summary: Summary) -> str:
    if not summary.get("count"):
        return ""
    return f"p50 {summary['p50_ms']:.4g} ms, p95 {summary['p95_ms']:.4g} ms, p99 {summary['p99_ms']:.4g} ms"


def _one_line(text: str) -> str:
    # Names of backends come from outside: no line of theirs may pass for one of ours.
    return "".join(character if character.isprintable() else "�" for character in text)[:160]
