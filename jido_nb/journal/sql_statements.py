"""The questions that are put to the tables of a journal, alike in SQLite and PostgreSQL.

Values stand as `?`. A dialect says how it reads a row's cells, and may name the index that a scan should go by.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.catalogue import (
    ASSISTANT_COMPLETED,
    LLM_CANCELED,
    LLM_COMPLETED,
    MESSAGE_RECEIVED,
    TERMINAL_LIFECYCLES,
    lifecycle_of,
    stream_of,
)
from .protocol import REQUESTS

LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM signals"

# Hops from one distinct value to the next instead of reading the whole index.
TYPES = """
    WITH RECURSIVE hop (type) AS (
        SELECT min(type) FROM signals
        UNION ALL
        SELECT (SELECT min(type) FROM signals WHERE type > hop.type) FROM hop WHERE hop.type IS NOT NULL
    )
    SELECT type FROM hop WHERE type IS NOT NULL
"""

SUBJECTS = "SELECT subject FROM conversations ORDER BY first_seq"

CONVERSATIONS = "SELECT count(*) FROM conversations"

UNEVEN = "SELECT subject FROM conversations WHERE signals - markers <> covered ORDER BY first_seq"
"""Conversations whose markers do not cover as many signals as there are."""


def _text_list(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


SAID_TYPES = frozenset({MESSAGE_RECEIVED, ASSISTANT_COMPLETED, LLM_COMPLETED, LLM_CANCELED})
"""From which the next model or agent is told what was said before."""

SAID = f"type IN ({_text_list(SAID_TYPES)})"
"""They have an index of their own by conversation and type, so that looking for the last ones of a type costs what is
found, and not what was streamed between. A question has to spell this out for the index to be used.

The index belongs to no version: who writes makes it where it is missing, who only reads does without it.
"""

RESTED = "SELECT seq FROM rested"

KEEP_RESTED = (
    "CREATE TABLE IF NOT EXISTS rested (id integer PRIMARY KEY, seq bigint NOT NULL)",
    "INSERT INTO rested VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq",
)
"""Beside the log: every effect that was asked for up to this `seq` has ended.

Nothing is taken out of a log, so that stays true, whoever writes, with whichever version. The number may be old or
missing: more is read then, and the same is found. So the table belongs to no version, and nobody has to keep it.
"""


_LATER = TERMINAL_LIFECYCLES | {"progress"}


def asking_types(types: Iterable[str]) -> list[str]:
    """Of these types, those of signals that ask for an effect, or may say that one has started."""
    return [*REQUESTS, *(type for type in types if stream_of(type) == "effect" and lifecycle_of(type)[1] not in _LATER)]


_WHENS = " ".join(f"WHEN '{type}' THEN '{start}' || s.id" for type, start in REQUESTS.items())


@dataclass(frozen=True, slots=True)
class Statements:
    """How one dialect reads signals. `cells`: the columns of `codec.READ_COLUMNS`, as it asks for them."""

    cells: str
    by_milestone: str = ""
    by_type: str = ""

    @property
    def select(self) -> str:
        return f"SELECT {self.cells} FROM signals AS s"  # noqa: S608

    @property
    def find(self) -> str:
        return f"{self.select} WHERE s.id = ? AND s.subject = ?"

    @property
    def find_anywhere(self) -> str:
        return f"{self.select} WHERE s.id = ? ORDER BY s.seq LIMIT 1"

    def unfinished(self, types: int) -> str:
        """See `Journal.unfinished_effects`: of so many types, behind a `seq`."""
        return f"""
            {self.select} {self.by_type} WHERE s.type IN ({", ".join("?" * types)}) AND s.seq > ?
            AND (s.stream = 'in' OR (s.lifecycle = 'started' AND s.effect_id IS NOT NULL)) AND NOT EXISTS (
                SELECT 1 FROM signals AS known {self.by_milestone}
                WHERE known.stream = 'effect' AND known.lifecycle <> 'progress' AND known.effect_id IS NOT NULL
                AND known.effect_id = CASE s.type {_WHENS} ELSE s.effect_id END AND known.subject = s.subject
                AND (known.lifecycle IN ({_text_list(TERMINAL_LIFECYCLES)})
                     OR (known.lifecycle = 'started' AND (s.stream = 'in' OR known.seq < s.seq)))
            )
            ORDER BY s.seq
        """  # noqa: S608
