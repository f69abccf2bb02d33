"""The questions that are put to the tables of a journal, alike in SQLite and PostgreSQL.

Values stand as `?`. A dialect says how it reads a row's cells, and may name the index that a scan should go by.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.catalogue import TERMINAL_LIFECYCLES
from .protocol import MILESTONES, REQUESTS

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


_WHENS = " ".join(f"WHEN '{type}' THEN '{start}'" for type, start in REQUESTS.items())

_MILESTONE = "{0}.stream = 'effect' AND {0}.lifecycle <> 'progress' AND {0}.effect_id IS NOT NULL"


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

    @property
    def unfinished(self) -> str:
        """See `Journal.unfinished_effects`."""
        return f"""
            {self.select} WHERE s.seq IN (
                SELECT min(begun.seq) FROM signals AS begun {self.by_milestone}
                WHERE {_MILESTONE.format("begun")} AND begun.lifecycle = 'started' AND NOT EXISTS (
                    SELECT 1 FROM signals AS ended {self.by_milestone}
                    WHERE {_MILESTONE.format("ended")} AND ended.effect_id = begun.effect_id
                    AND ended.lifecycle IN ({_text_list(TERMINAL_LIFECYCLES)}) AND ended.subject = begun.subject
                )
                GROUP BY begun.effect_id, begun.subject
                UNION ALL
                SELECT asked.seq FROM signals AS asked {self.by_type}
                WHERE asked.type IN ({_text_list(REQUESTS)}) AND NOT EXISTS (
                    SELECT 1 FROM signals AS answer {self.by_milestone}
                    WHERE {_MILESTONE.format("answer")} AND answer.effect_id = CASE asked.type {_WHENS} END || asked.id
                    AND answer.lifecycle IN ({_text_list(MILESTONES)}) AND answer.subject = asked.subject
                )
            )
            ORDER BY s.seq
        """  # noqa: S608
