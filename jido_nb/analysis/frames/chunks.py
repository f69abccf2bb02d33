"""`chunks_df`: one row per original chunk, as the provider sent them."""

from collections.abc import Iterable

import pandas as pd

from ..attempts import EFFECT_TYPES
from ..chunks import Chunk, fold_chunks
from ..column import FLOAT, INT, TEXT, Column, build_frame, choose
from ..source import Source, read_source

CHUNK_COLUMNS: tuple[Column[Chunk], ...] = (
    Column("seq", INT, lambda c: c.seq, "place in the journal of the signal that carries it"),
    Column("conversation_id", TEXT, lambda c: c.conversation_id, "the conversation"),
    Column("effect_id", TEXT, lambda c: c.effect_id, "the effect it belongs to"),
    Column("attempt", INT, lambda c: c.attempt, "number of the attempt, from 1"),
    Column("chunk", INT, lambda c: c.number, "number of the chunk in its attempt, from 0"),
    Column("kind", TEXT, lambda c: c.kind, "text or thinking"),
    Column("at_ms", FLOAT, lambda c: c.at_ms, "arrival after the start of its attempt, ms"),
    Column("gap_ms", FLOAT, lambda c: c.gap_ms, "since the chunk before it in its attempt, ms; null for the first"),
    Column("chars", INT, lambda c: c.chars, "its length in characters"),
)


def chunks_df(
    source: Source, subject: str | None = None, columns: Iterable[str | Column[Chunk]] | None = None
) -> pd.DataFrame:
    """One row per chunk of text or thinking, those of attempts that were thrown away included.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals.
        subject: Only this conversation.
        columns: Names of `CHUNK_COLUMNS` and columns of your own, whose `get` is given a `Chunk`.

    Raises:
        ConfigError: not a source, an unknown column.
        JournalError: the journal cannot be read.
        ColumnError: one of your columns failed.
    """
    chunks = fold_chunks(read_source(source, types=EFFECT_TYPES, subject=subject))
    return build_frame(choose(CHUNK_COLUMNS, columns), chunks)
