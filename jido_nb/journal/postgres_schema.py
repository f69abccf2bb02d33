"""The tables of a journal in PostgreSQL, and how older ones become current.

The same columns as in a SQLite file (`sqlite_schema.py`), in a schema of their own.
"""

from collections.abc import Callable
from typing import Any

from ..core.catalogue import APPLIED
from .codec import COLUMNS, READ_COLUMNS
from .sql_statements import SAID, Statements

Run = Callable[[str], Any]
"""Runs one statement."""


def _version_1(run: Run) -> None:
    run(
        """
        CREATE TABLE signals (
            seq            bigint PRIMARY KEY,
            id             text COLLATE "C" NOT NULL,
            type           text COLLATE "C" NOT NULL,
            source         text NOT NULL,
            subject        text COLLATE "C" NOT NULL,
            time_us        bigint NOT NULL,
            stream         text,
            cause_id       text,
            project_id     text,
            extensions     text,
            effect_id      text,
            effect_class   text,
            lifecycle      text,
            status         text,
            attempt        bigint,
            backend        text,
            provider       text,
            model          text,
            error_category text,
            covered        bigint NOT NULL,
            body           text NOT NULL,
            UNIQUE (id, subject)
        )
        """
    )
    run("CREATE INDEX signals_by_subject ON signals (subject, seq)")
    run("CREATE INDEX signals_by_type ON signals (type, seq)")
    run("CREATE INDEX signals_by_effect ON signals USING hash (effect_id) WHERE effect_id IS NOT NULL")
    run(
        """
        CREATE INDEX milestones ON signals USING hash (effect_id)
        WHERE stream = 'effect' AND lifecycle <> 'progress' AND effect_id IS NOT NULL
        """
    )
    run(
        """
        CREATE TABLE conversations (
            subject   text COLLATE "C" PRIMARY KEY,
            first_seq bigint NOT NULL,
            signals   bigint NOT NULL,
            markers   bigint NOT NULL,
            covered   bigint NOT NULL
        )
        """
    )
    run("CREATE TABLE meta (version integer NOT NULL)")
    run("INSERT INTO meta VALUES (0)")


MIGRATIONS: tuple[Callable[[Run], None], ...] = (_version_1,)
"""Row n takes tables of version n to version n + 1. Rows are never changed once they were released: add one."""

SCHEMA_VERSION = len(MIGRATIONS)

_TYPES = {"seq": "bigint", "time_us": "bigint", "attempt": "bigint", "covered": "bigint"}

_NEW = COLUMNS[1:]
"""What an insert is given; `seq` follows from what is there."""

_ARRAYS = ", ".join(f"%s::{_TYPES.get(column, 'text')}[]" for column in _NEW)

INDEX_SAID = f"CREATE INDEX IF NOT EXISTS said ON signals (subject, type, seq) WHERE {SAID}"

INSERT = f"""
    WITH added AS (
        INSERT INTO signals ({", ".join(COLUMNS)})
        SELECT (SELECT coalesce(max(seq), 0) FROM signals) + place, {", ".join(_NEW)}
        FROM unnest({_ARRAYS}) WITH ORDINALITY AS given ({", ".join(_NEW)}, place)
        RETURNING seq, subject, type, covered
    ), counted AS (
        INSERT INTO conversations (subject, first_seq, signals, markers, covered)
        SELECT subject, min(seq), count(*), count(*) FILTER (WHERE type = '{APPLIED}'), sum(covered)
        FROM added GROUP BY subject
        ON CONFLICT (subject) DO UPDATE SET
            signals = conversations.signals + excluded.signals,
            markers = conversations.markers + excluded.markers,
            covered = conversations.covered + excluded.covered
    )
    SELECT min(seq), pg_notify(%s, max(seq)::text) FROM added
"""  # noqa: S608
"""Writes a batch, counts it, and tells whoever listens, in one statement. Gives the first `seq`."""

READING = Statements(", ".join(f"s.{column}" for column in READ_COLUMNS))

KNOWN = f"{READING.select} JOIN unnest(?::text[], ?::text[]) AS asked (id, subject) USING (id, subject)"
"""Those of a batch that are there already."""

SIZE = "SELECT pg_total_relation_size('signals') + pg_total_relation_size('conversations')"
