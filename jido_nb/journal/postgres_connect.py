"""Where a journal in PostgreSQL is, and connections to it."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import Connection, errors
from psycopg.types.string import TextLoader

from ..errors import ConfigError, JournalError
from .codec import Row
from .postgres_keepalive import Keepalive, keepalive_of
from .postgres_schema import INDEX_SAID, MIGRATIONS, SCHEMA_VERSION

CONNECT_LIMIT_S = 10
LOCK_LIMIT_MS = 30_000
"""How long an append waits for its turn."""

SCHEMA = "jido_nb"

READER = "jido_nb"
"""What the server calls a session that reads."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,50}")

_REFUSALS = {
    "password": "the password is wrong or missing; put it in PGPASSWORD or in ~/.pgpass",
    'database "': "there is no such database; create it first (createdb)",
    'role "': "there is no such user; create it first (createuser), or name another",
}
"""Words of a server that lets nobody in, and the way out. It gives no code to go by."""

_WAYS_OUT: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.InsufficientPrivilege, "this user may not do that; grant it, or open the journal with read_only=True"),
    (errors.LockNotAvailable, "another writer keeps its turn for too long; look at pg_stat_activity"),
    (
        errors.QueryCanceled,
        "it took longer than this user's statement_timeout; raise that, or look at pg_stat_activity",
    ),
    (
        errors.ReadOnlySqlTransaction,
        "the server, the database or the user is read only, as a standby is; write to its primary, or open the journal "
        "with read_only=True",
    ),
    (errors.DiskFull, "the server's disk is full; free some space and try again"),
    (psycopg.OperationalError, "is the server running, and can it be reached from here?"),
)
"""Errors and the way out; the first that fits is told."""

_SET = """
    SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS asked (name, value)
    JOIN pg_settings USING (name)
    WHERE name <> ALL(%s) OR source NOT IN ('client', 'database', 'user', 'database user')
"""
"""Names, values, and which of them are wishes only: those leave alone what the URL's `options`, the database or the
role say, and what the server is too old to know. One question for all: a server that is far away is slow to ask."""


@dataclass(frozen=True, slots=True)
class Place:
    """A journal's place: how to connect, which schema, and what to call it before people (without a password)."""

    conninfo: str = field(repr=False)
    schema: str
    location: str
    lock: int
    """Key of the advisory lock that writers of this journal take turns by."""
    keepalive: Keepalive

    @property
    def channel(self) -> str:
        """Where commits are announced."""
        return f"jido_nb.{self.schema}"


def place_of(url: str) -> Place:
    """The place that `url` names.

    Raises:
        ConfigError: it is not a URL that PostgreSQL understands, its schema is not a plain name, or one of libpq's
            `keepalives_*` is no number.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = query.pop("schema", SCHEMA)
    if not _NAME.fullmatch(schema):
        message = f"schema={schema!r} is not a name: letters, digits and _ , at most 51"
        raise ConfigError(message, field="journal", value=schema)
    conninfo = urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query, quote_via=quote)))
    try:
        known = psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        # libpq quotes the whole URL in its message, password included.
        reason = str(error).replace(conninfo, "…").strip()
        if parts.password:
            reason = reason.replace(parts.password, "…")
        raise ConfigError(f"not a URL of PostgreSQL: {reason}", field="journal", value="postgresql://") from None
    user, host, port = known.get("user"), known.get("host"), known.get("port")
    server = f"{f'{user}@' if user else ''}{quote(str(host or ''), safe='')}{f':{port}' if port else ''}"
    location = f"postgresql://{server}/{known.get('dbname') or ''}?schema={schema}"
    lock = int.from_bytes(sha256(f"jido_nb\0{schema}".encode()).digest()[:8], signed=True)
    keepalive = keepalive_of(known)
    return Place(psycopg.conninfo.make_conninfo(conninfo, **keepalive.ours), schema, location, lock, keepalive)


def connect(place: Place, *, read_only: bool = False, name: str = READER) -> Connection[Row]:
    """A connection that speaks UTF-8 and looks into the journal's schema; `name` is what the server calls it.

    Raises psycopg.Error.
    """
    settings = {
        "search_path": f'"{place.schema}"',
        "lock_timeout": str(LOCK_LIMIT_MS),
        **({"default_transaction_read_only": "on"} if read_only else {}),
    }
    connection: Connection[Any] = psycopg.connect(
        place.conninfo,
        autocommit=True,
        connect_timeout=CONNECT_LIMIT_S,
        client_encoding="utf-8",
        application_name=name[:63],
    )
    # As the text that it is: whoever asks for JSON decodes it.
    connection.adapters.register_loader("json", TextLoader)
    try:
        wishes = place.keepalive.servers
        connection.execute(_SET, ([*settings, *wishes], [*settings.values(), *wishes.values()], [*wishes]))
    except BaseException:
        connection.close()
        raise
    return connection


def open_place(place: Place, *, read_only: bool, name: str) -> Connection[Row]:
    """A connection to the tables there, which are made or brought up to date; current ones are not touched.

    Raises:
        JournalError: there is no server, no journal to read, one that this version does not know, or one that may not
            be written here.
    """
    try:
        connection = connect(place, read_only=read_only, name=name)
        try:
            _migrate(connection, place, read_only=read_only)
            if not read_only:
                _check_rights(connection)
                _make_index(connection, place)
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        raise explain(error, place.location, "open") from None
    return connection


def _migrate(connection: Connection[Row], place: Place, *, read_only: bool) -> None:
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    if version is not None and version > SCHEMA_VERSION:
        message = (
            f"{place.location} was written by a newer jido_nb (journal version {version}, this one knows up to "
            f"{SCHEMA_VERSION}); upgrade jido_nb to open it"
        )
        raise JournalError(message, path=place.location)
    if read_only:
        message = f"the journal at {place.location} is of an older version ({version}); open it once for writing"
        if version is None:
            message = f"there is no journal at {place.location}, or this user may not see it; open it once for writing"
        raise JournalError(message, path=place.location)
    _upgrade(connection, place)


def _check_rights(connection: Connection[Row]) -> None:
    """Fails now, rather than at the first append."""
    statements = (
        "INSERT INTO signals SELECT * FROM signals WHERE false; UPDATE conversations SET signals = signals WHERE false"
    )
    connection.execute(statements.encode(), prepare=False)


def _make_index(connection: Connection[Row], place: Place) -> None:
    if _is_there(connection, "said"):
        return
    # Who does not own the tables, or is not given the time, does without it.
    with suppress(psycopg.Error), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (place.lock,))
        connection.execute(INDEX_SAID.encode())


def _upgrade(connection: Connection[Row], place: Place) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (place.lock,))
        # Asked again under the lock: another process may have done it meanwhile.
        version = _version(connection)
        if version is None:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"'.encode())
        for step in MIGRATIONS[version or 0 :]:
            step(lambda statement: connection.execute(statement.encode()))
        connection.execute("UPDATE meta SET version = %s", (SCHEMA_VERSION,))


def _version(connection: Connection[Row]) -> int | None:
    """None: there are no tables of ours."""
    if not _is_there(connection, "meta"):
        return None
    row = connection.execute("SELECT version FROM meta").fetchone()
    return None if row is None else int(row[0])


def _is_there(connection: Connection[Row], name: str) -> bool:
    """A table or an index of that name."""
    found = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
    return found is not None and found[0] is not None


def explain(error: psycopg.Error, location: str, doing: str) -> JournalError:
    """The error for people: what was tried, on which journal, why it failed, and the way out."""
    words = {} if error.sqlstate else _REFUSALS
    known = next((way for word, way in words.items() if word in str(error)), None) or next(
        (way for kind, way in _WAYS_OUT if isinstance(error, kind)), None
    )
    reason = " ".join(str(error).split()) or type(error).__name__
    text = f"cannot {doing} the journal {location}: " + (f"{known} ({reason})" if known else reason)
    return JournalError(text, path=location)
