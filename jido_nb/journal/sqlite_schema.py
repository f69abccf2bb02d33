"""The tables of a journal file, and how an older file becomes a current one.

`signals` is the log. Its payload is the last column, so that a scan over the others never loads long payloads, and it
is text, so that any SQLite tool can look into it (`body ->> '$.content'`). `conversations` keeps the counts that tell
at once whether a conversation has signals that nobody applied. Each index costs every insert, so there are few: the
one over milestones holds two rows per effect.
"""

from collections.abc import Callable
from sqlite3 import Connection

from .codec import COLUMNS, READ_COLUMNS
from .sql_statements import SAID, Statements

APPLICATION_ID = 0x6A69646F
"""Spells `jido` in the header of the file."""


def _version_1(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE signals (
            seq            INTEGER PRIMARY KEY,
            id             TEXT NOT NULL,
            type           TEXT NOT NULL,
            source         TEXT NOT NULL,
            subject        TEXT NOT NULL,
            time_us        INTEGER NOT NULL,
            stream         TEXT,
            cause_id       TEXT,
            project_id     TEXT,
            extensions     TEXT,
            effect_id      TEXT,
            effect_class   TEXT,
            lifecycle      TEXT,
            status         TEXT,
            attempt        INTEGER,
            backend        TEXT,
            provider       TEXT,
            model          TEXT,
            error_category TEXT,
            covered        INTEGER NOT NULL,
            body           TEXT NOT NULL,
            UNIQUE (id, subject)
        )
        """
    )
    connection.execute("CREATE INDEX signals_by_subject ON signals (subject)")
    connection.execute("CREATE INDEX signals_by_type ON signals (type)")
    connection.execute("CREATE INDEX signals_by_effect ON signals (effect_id) WHERE effect_id IS NOT NULL")
    connection.execute(
        """
        CREATE INDEX milestones ON signals (effect_id, lifecycle)
        WHERE stream = 'effect' AND lifecycle <> 'progress' AND effect_id IS NOT NULL
        """
    )
    connection.execute(
        """
        CREATE TABLE conversations (
            subject   TEXT PRIMARY KEY,
            first_seq INTEGER NOT NULL,
            signals   INTEGER NOT NULL,
            markers   INTEGER NOT NULL,
            covered   INTEGER NOT NULL
        ) WITHOUT ROWID
        """
    )


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_version_1,)
"""Row n takes a file of version n to version n + 1. Rows are never changed once they were released: add one."""

SCHEMA_VERSION = len(MIGRATIONS)


def migrate(connection: Connection, migrations: tuple[Callable[[Connection], None], ...] = MIGRATIONS) -> None:
    """Bring the file up to the last version, in one transaction; a current one is not touched."""
    if version_of(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have done it meanwhile.
        for step in migrations[version_of(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


INDEX_SAID = f"CREATE INDEX IF NOT EXISTS said ON signals (subject, type) WHERE {SAID}"

# The payload is bound as bytes and kept as text; nobody decodes and encodes it on the way.
_VALUES = ", ".join("CAST(? AS TEXT)" if column == "body" else "?" for column in COLUMNS)

INSERT = f"INSERT INTO signals ({', '.join(COLUMNS)}) VALUES ({_VALUES})"  # noqa: S608

COUNT = """
    INSERT INTO conversations (subject, first_seq, signals, markers, covered) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (subject) DO UPDATE SET
        signals = signals + excluded.signals, markers = markers + excluded.markers, covered = covered + excluded.covered
"""

# The body is kept as text and given back as the bytes that were bound.
READING = Statements(
    ", ".join("CAST(s.body AS BLOB)" if column == "body" else f"s.{column}" for column in READ_COLUMNS),
    by_milestone="INDEXED BY milestones",
    by_type="INDEXED BY signals_by_type",
)
