"""`events_df`: one row per signal."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from ...core.catalogue import stream_of
from ...core.signal import Recorded
from ...journal.codec import FACTS
from ..column import INT, TEXT, TIME, CellFault, Column
from ..filters import EVERYTHING, Filters
from ..frame import Frame
from ..source import OpenSource
from ..stored import stored_table


def _fact(key: str, kind: type = str) -> Callable[[Recorded], Any]:
    """A payload value of effect and output signals, or None where it is of another kind."""

    def get(recorded: Recorded) -> Any:
        signal = recorded.signal
        if stream_of(signal.type) not in ("effect", "out"):
            return None
        value = signal.data.get(key)
        return value if type(value) is kind else None

    return get


def _effect_id(recorded: Recorded) -> str | None:
    value = recorded.signal.data.get("effect_id")
    return value if type(value) is str else None


EVENT_COLUMNS: tuple[Column[Recorded], ...] = (
    Column("seq", INT, lambda r: r.seq, "place in the journal; everything that sorts, sorts by it"),
    Column("time", TIME, lambda r: r.signal.time_us, "when the signal was made, UTC"),
    Column("type", TEXT, lambda r: r.signal.type, "event type, such as conv.in.message.received"),
    Column("subject", TEXT, lambda r: r.signal.subject, "the conversation"),
    Column("id", TEXT, lambda r: r.signal.id, "id of the signal, unique within its conversation"),
    Column("source", TEXT, lambda r: r.signal.source, "who made it"),
    Column("cause_id", TEXT, lambda r: r.signal.cause_id, "id of the signal that it follows from"),
    Column("project_id", TEXT, lambda r: r.signal.project_id, "the project, for conversations that have one"),
    Column("effect_id", TEXT, _effect_id, "the effect that it tells of"),
    Column("effect_class", TEXT, _fact("effect_class"), "llm, tool or timer"),
    Column("lifecycle", TEXT, _fact("lifecycle"), "started, progress, completed, failed or canceled"),
    Column("status", TEXT, _fact("status"), "finer than the lifecycle: streaming, thinking, retrying, ..."),
    Column("attempt", INT, _fact("attempt", int), "attempt of the effect, from 1"),
    Column("backend", TEXT, _fact("backend"), "backend that did the work"),
    Column("provider", TEXT, _fact("provider"), "provider behind the backend"),
    Column("model", TEXT, _fact("model"), "model, as asked for"),
    Column("error_category", TEXT, _fact("error_category"), "why it failed: auth, config, timeout, provider, ..."),
    Column("data", TEXT, lambda r: r.signal.body.decode(), "the payload, as JSON text"),
)

_STORED = {"time": "time_us", "data": "body"} | {name: name for name in (
    *("seq", "type", "subject", "id", "source", "cause_id", "project_id", "effect_id"), *FACTS,
)}  # fmt: skip
"""Which stored column of a journal holds a standard column of ours."""


class _EventsFrame(Frame[Recorded]):
    """Takes standard columns as they are stored, where a journal has them, and makes no signals."""

    def table(
        self,
        found: OpenSource,
        filters: Filters = EVERYTHING,
        columns: Sequence[Column[Recorded]] | None = None,
        faults: list[CellFault] | None = None,
    ) -> pa.Table:
        chosen = list(self.columns if columns is None else columns)
        if all(column in EVENT_COLUMNS for column in chosen):
            stored = found.read_columns([_STORED[column.name] for column in chosen], filters=filters)
            if stored is not None:
                return stored_table(stored, pa.schema([(column.name, column.arrow_type) for column in chosen]))
        return super().table(found, filters, chosen, faults)


def _events(found: OpenSource, filters: Filters) -> Iterator[Recorded]:
    return found.read(filters=filters)


events_df = _EventsFrame(
    "events_df", "One row per signal, in order of `seq`.", EVENT_COLUMNS, _events, given="a `Recorded`"
)
