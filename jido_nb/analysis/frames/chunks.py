"""`chunks_df`: one row per original chunk, as the provider sent them."""

from collections.abc import Iterator

from ..chunks import Chunk, fold_chunks
from ..column import FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..frame import Frame
from ..source import OpenSource
from ..told import read_told

CHUNK_COLUMNS: tuple[Column[Chunk], ...] = (
    Column("seq", INT, lambda c: c.seq, "place in the journal of the signal that carries it"),
    Column("conversation_id", TEXT, lambda c: c.told.subject, "the conversation"),
    Column("effect_id", TEXT, lambda c: c.told.payload.effect_id, "the effect it belongs to"),
    Column("attempt", INT, lambda c: c.attempt, "number of the attempt, from 1"),
    Column("chunk", INT, lambda c: c.number, "number of the chunk in its attempt, from 0"),
    Column("kind", TEXT, lambda c: c.kind, "text or thinking"),
    Column("at_ms", FLOAT, lambda c: c.at_ms, "arrival after the start of its attempt, ms"),
    Column("time", TIME, lambda c: c.started_us + round(c.at_ms * 1000), "when it arrived, UTC"),
    Column("gap_ms", FLOAT, lambda c: c.gap_ms, "since the chunk before it in its attempt, ms; null for the first"),
    Column("chars", INT, lambda c: c.chars, "its length in characters"),
)


def _chunks(found: OpenSource, filters: Filters) -> Iterator[Chunk]:
    return fold_chunks(read_told(found))


def _head(chunk: Chunk) -> Head:
    return Head(chunk.told.type, chunk.told.time_us, chunk.told.payload.backend)


chunks_df = Frame(
    "chunks_df",
    "One row per chunk of text or thinking as the provider sent it, those of attempts that were thrown away included.",
    CHUNK_COLUMNS,
    _chunks,
    given="a `Chunk`",
    head=_head,
)
