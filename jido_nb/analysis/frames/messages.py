"""`messages_df`: what was said, one row per message, as a reader of the conversation sees it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ...core.projections.timeline import TIMELINE_TYPES, TimelineEntry, timeline
from ...core.signal import Recorded
from ..column import INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..frame import Frame
from ..source import OpenSource
from ..values import as_int, as_text


class MessageRow(NamedTuple):
    """One thing that was said. `time_us`: of its (first) signal, microseconds UTC since 1970."""

    seq: int
    conversation_id: str
    time_us: int | None
    entry: TimelineEntry


def _meta(key: str, doc: str) -> Column[MessageRow]:
    return Column(key, TEXT, lambda m: as_text(m.entry.metadata.get(key)), doc)


MESSAGE_COLUMNS: tuple[Column[MessageRow], ...] = (
    Column("seq", INT, lambda m: m.seq, "place in the journal"),
    Column("conversation_id", TEXT, lambda m: m.conversation_id, "the conversation"),
    Column("time", TIME, lambda m: m.time_us, "when its (first) signal was made, UTC"),
    Column("role", TEXT, lambda m: m.entry.role, "user, assistant, tool or system"),
    Column("kind", TEXT, lambda m: m.entry.kind, "message, failed, canceled, status (tools), delta (arriving)"),
    Column("content", TEXT, lambda m: m.entry.content, "what was said; the partial text of what did not complete"),
    Column("channel", TEXT, lambda m: as_text(m.entry.channel), "where it was said: ingress or output channel"),
    Column("output_id", TEXT, lambda m: as_text(m.entry.output_id), "which output it belongs to"),
    _meta("effect_id", "the effect it comes from"),
    Column("attempt", INT, lambda m: as_int(m.entry.metadata.get("attempt")), "attempt that said it, from 1"),
    _meta("status", "state of the tool, or of the generation"),
    _meta("backend", "backend that answered"),
    _meta("provider", "provider behind the backend"),
    _meta("model", "model that answered"),
    _meta("tool_name", "tool, for status rows"),
    _meta("finish_reason", "why the model stopped"),
    _meta("error_category", "why it failed"),
    _meta("reason", "why it failed or was canceled, in words"),
    Column("event_id", TEXT, lambda m: m.entry.event_id, "id of its (first) signal"),
)


def _messages(source: OpenSource, filters: Filters) -> Iterator[MessageRow]:
    # One conversation at a time, so that only one is in memory.
    for subject in source.subjects():
        times: dict[str, int] = {}
        entries = timeline(_noting_times(source.read(TIMELINE_TYPES, subject), times), coalesce_deltas=False)
        ended = {entry.output_id for entry in entries if entry.role == "assistant" and entry.kind != "delta"}
        arriving: dict[tuple[str | None, Any], list[TimelineEntry]] = {}
        for entry in entries:
            if entry.kind != "delta":
                yield MessageRow(entry.seq, subject, times.get(entry.event_id), entry)
            elif entry.output_id not in ended:
                arriving.setdefault((entry.output_id, entry.metadata.get("attempt")), []).append(entry)
        for pieces in arriving.values():
            whole = replace(pieces[0], content="".join(piece.content for piece in pieces))
            yield MessageRow(whole.seq, subject, times.get(whole.event_id), whole)


def _noting_times(log: Iterable[Recorded], times: dict[str, int]) -> Iterator[Recorded]:
    for recorded in log:
        if not recorded.signal.type.startswith("conv.effect."):
            times[recorded.signal.id] = recorded.signal.time_us
        yield recorded


messages_df = Frame(
    "messages_df",
    "One row per thing that was said, in order. The pieces of an answer are one row of kind `delta` while it arrives.",
    MESSAGE_COLUMNS,
    _messages,
    given="a `MessageRow`",
    head=lambda message: Head(message.entry.type, message.time_us, as_text(message.entry.metadata.get("backend"))),
    order=True,
)
