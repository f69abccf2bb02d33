"""`applied_df`: one row per signal that was applied, in the order of application, which is what a replay follows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...core.catalogue import APPLIED
from ...core.engine import DIGEST_BYTES
from ...core.signal import Recorded, Signal
from ...journal.codec import backend_of
from ...journal.marker import covered_ids
from ..column import FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..frame import Frame
from ..source import OpenSource
from ..values import as_int, as_text


class AppliedRow(NamedTuple):
    """One application: the signal, and the marker that tells of it.

    `order` counts the signals that its conversation had applied, this one included; None where the marker does not say.
    `place` is the signal's place in the marker's run, from 0, and `run` how many that run holds.
    """

    recorded: Recorded
    marker: Recorded
    order: int | None
    place: int
    run: int

    @property
    def seq(self) -> int:
        return self.recorded.seq

    @property
    def signal(self) -> Signal:
        return self.recorded.signal

    @property
    def last(self) -> bool:
        return self.place == self.run - 1


def _digest(row: AppliedRow) -> str | None:
    digests, width = row.marker.signal.data.get("digests"), 2 * DIGEST_BYTES
    return digests[row.place * width : (row.place + 1) * width] or None if isinstance(digests, str) else None


def _told(row: AppliedRow, key: str) -> Any:
    return row.marker.signal.data.get(key)


APPLIED_COLUMNS: tuple[Column[AppliedRow], ...] = (
    Column("seq", INT, lambda a: a.seq, "place in the journal of the signal that was applied"),
    Column("conversation_id", TEXT, lambda a: a.signal.subject, "the conversation"),
    Column("order", INT, lambda a: a.order, "how many signals its conversation had applied then, this one included"),
    Column("type", TEXT, lambda a: a.signal.type, "type of the signal"),
    Column("id", TEXT, lambda a: a.signal.id, "id of the signal"),
    Column("time", TIME, lambda a: a.signal.time_us, "when the signal was made, UTC"),
    Column("digest", TEXT, _digest, "start of the chained hash of the state after it, hexadecimal"),
    Column("state_hash", TEXT, lambda a: as_text(_told(a, "state_hash")) if a.last else None,
           "the whole hash; markers keep it for the last signal of their run"),
    Column("marker_seq", INT, lambda a: a.marker.seq, "place in the journal of the marker that tells of it"),
    Column("marker_id", TEXT, lambda a: a.marker.signal.id, "id of the marker"),
    Column("marked", TIME, lambda a: a.marker.signal.time_us, "when the marker was made, UTC"),
    Column("lag_ms", FLOAT, lambda a: (a.marker.signal.time_us - a.signal.time_us) / 1000,
           "from the signal to its marker, ms"),
    Column("run", INT, lambda a: a.run, "signals that the marker covers"),
    Column("partition_id", INT, lambda a: as_int(_told(a, "partition_id")), "the partition that applied it"),
)  # fmt: skip


def _applied(found: OpenSource, filters: Filters) -> Iterator[AppliedRow]:
    # Markers follow what they cover, so only what is not applied yet is held in memory.
    waiting: dict[tuple[str, str], Recorded] = {}
    for recorded in found.read():
        signal = recorded.signal
        if signal.type != APPLIED:
            waiting[signal.subject, signal.id] = recorded
            continue
        ids = covered_ids(signal.data)
        count = as_int(signal.data.get("applied_count"))
        for place, id in enumerate(ids):
            applied = waiting.pop((signal.subject, str(id)), None)
            if applied is not None:
                order = None if count is None else count - len(ids) + place + 1
                yield AppliedRow(applied, recorded, order, place, len(ids))


applied_df = Frame(
    "applied_df",
    "One row per signal that was applied, in the order in which the markers tell of it. What waits still has no row.",
    APPLIED_COLUMNS,
    _applied,
    given="an `AppliedRow`",
    head=lambda row: Head(row.signal.type, row.signal.time_us, backend_of(row.signal)),
)
