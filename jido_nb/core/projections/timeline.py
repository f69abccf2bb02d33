"""What was said, in order: the conversation as a reader sees it.

Deltas of an attempt that was thrown away, and what an agent took back, are left out, neighbouring deltas of one answer
are joined, and every ending is shown. Order is the order given, which is the journal's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..catalogue import (
    ASSISTANT_CANCELED,
    ASSISTANT_COMPLETED,
    ASSISTANT_DELTA,
    ASSISTANT_FAILED,
    LLM_EFFECT,
    MESSAGE_RECEIVED,
    TOOL_STATUS,
)
from ..signal import Recorded, Signal

MAX_DELTA_CHARS = 280

_PROGRESS = f"{LLM_EFFECT}.progress"

TIMELINE_TYPES = (
    MESSAGE_RECEIVED,
    ASSISTANT_DELTA,
    ASSISTANT_COMPLETED,
    ASSISTANT_FAILED,
    ASSISTANT_CANCELED,
    TOOL_STATUS,
    _PROGRESS,
)

_ASSISTANT_KINDS = {
    ASSISTANT_DELTA: ("delta", "delta"),
    ASSISTANT_COMPLETED: ("message", "content"),
    ASSISTANT_FAILED: ("failed", "content"),
    ASSISTANT_CANCELED: ("canceled", "content"),
}
_ASSISTANT_METADATA = (
    "effect_id", "lifecycle", "status", "attempt", "sequence", "backend", "provider", "model", "finish_reason", "usage",
    "reason", "error_category",
)  # fmt: skip
_TOOL_METADATA = (
    "effect_id", "lifecycle", "status", "backend", "provider", "model", "tool_name", "tool_call_id", "tool_event",
    "usage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that was said. `kind` is message, delta, failed, canceled or status; `seq` its place in the journal."""

    seq: int
    event_id: str
    type: str
    role: str
    kind: str
    content: str
    channel: str | None
    output_id: str | None
    metadata: Mapping[str, Any]
    event_ids: tuple[str, ...] = ()
    """All the signals that this entry joins; empty when it stands for one."""


def timeline(
    log: Iterable[Recorded], *, coalesce_deltas: bool = True, max_delta_chars: int = MAX_DELTA_CHARS
) -> list[TimelineEntry]:
    """The entries of one conversation's signals; `max_delta_chars` bounds a joined entry."""
    entries: list[TimelineEntry] = []
    void: set[tuple[str, str]] = set()
    retractions: list[Mapping[str, Any]] = []
    for recorded in log:
        attempt = _voided_attempt(recorded.signal)
        if recorded.signal.type == _PROGRESS and recorded.signal.data.get("status") == "retracted":
            retractions.append(recorded.signal.data)
        if attempt is not None:
            void.add(attempt)
            entries[:] = [entry for entry in entries if _attempt_of(entry) != attempt]
        entry = _entry(recorded)
        # Outputs follow what they show: those of a void attempt may be written after the signal that voids it.
        if entry is None or _attempt_of(entry) in void:
            continue
        entries.append(entry)
    for retraction in retractions:
        entries = list(_without_retracted(entries, retraction))
    return list(_joined(entries, max_delta_chars)) if coalesce_deltas else entries


def message_content(data: Mapping[str, Any]) -> str:
    """The text of a message: the first of content, text, body, message that is not blank."""
    candidates = (data.get(key) for key in ("content", "text", "body", "message"))
    return next((text for text in candidates if isinstance(text, str) and text.strip()), "")


def _voided_attempt(signal: Signal) -> tuple[str, str] | None:
    """The output id and number of the attempt whose text `signal` says is void."""
    if signal.type != _PROGRESS or signal.data.get("status") != "retrying" or not signal.data.get("discarded"):
        return None
    return f"assistant-{signal.data['effect_id']}", str(signal.data.get("attempt"))


def _without_retracted(entries: Iterable[TimelineEntry], retraction: Mapping[str, Any]) -> Iterator[TimelineEntry]:
    # By number, not by place: the output of a delta may be written after the signal that takes it back.
    attempt = f"assistant-{retraction['effect_id']}", str(retraction.get("attempt"))
    room = int(retraction.get("kept_chars") or 0)
    for entry in entries:
        if _attempt_of(entry) != attempt or int(entry.metadata.get("sequence") or 0) >= retraction["sequence"]:
            yield entry
        elif room > 0:
            yield replace(entry, content=entry.content[:room])
            room -= len(entry.content)


def _joined(entries: Iterable[TimelineEntry], limit: int) -> Iterator[TimelineEntry]:
    last: TimelineEntry | None = None
    for entry in entries:
        if last is not None and _joins(last, entry, limit):
            ids = (*(last.event_ids or (last.event_id,)), entry.event_id)
            last = replace(last, content=last.content + entry.content, event_ids=ids)
        else:
            if last is not None:
                yield last
            last = entry
    if last is not None:
        yield last


def _attempt_of(entry: TimelineEntry) -> tuple[str, str] | None:
    return (str(entry.output_id), str(entry.metadata.get("attempt"))) if entry.kind == "delta" else None


def _joins(last: TimelineEntry, entry: TimelineEntry, limit: int) -> bool:
    return (
        entry.kind == last.kind == "delta"
        and entry.output_id == last.output_id
        and entry.channel == last.channel
        and entry.metadata.get("attempt") == last.metadata.get("attempt")
        and len(last.content) + len(entry.content) <= limit
    )


def _entry(recorded: Recorded) -> TimelineEntry | None:
    signal = recorded.signal
    data, type = signal.data, signal.type
    if type == MESSAGE_RECEIVED:
        role, kind, content = str(data.get("role") or "user"), "message", message_content(data)
        channel, metadata = data["ingress"], {"message_id": data["message_id"]}
    elif type in _ASSISTANT_KINDS:
        kind, key = _ASSISTANT_KINDS[type]
        role, content, channel = "assistant", str(data.get(key) or ""), data.get("channel")
        metadata = _picked(data, _ASSISTANT_METADATA)
    elif type == TOOL_STATUS:
        role, kind, channel = "tool", "status", data.get("channel")
        content = str(data.get("message") or data.get("status") or "")
        metadata = _picked(data, _TOOL_METADATA)
    else:
        return None
    return TimelineEntry(recorded.seq, signal.id, type, role, kind, content, channel, data.get("output_id"), metadata)


def _picked(data: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: value for key in keys if (value := data.get(key)) is not None}
