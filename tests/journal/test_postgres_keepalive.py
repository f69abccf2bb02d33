"""A machine that vanishes says nothing: the other end of its session notices all the same, in bounded time.

Here it is a socket whose system drops whatever comes to it, and that asks nothing by itself.
"""

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
import pytest

from jido_nb.errors import ConfigError
from jido_nb.journal.claims import claims_of
from jido_nb.journal.postgres import PostgresJournal
from jido_nb.journal.postgres_connect import connect, place_of
from jido_nb.journal.postgres_keepalive import Keepalive
from jido_nb.testing.builders import signal

from .postgres_server import Server, running_server

pytestmark = [
    pytest.mark.needs("postgres"),
    pytest.mark.skipif(sys.platform != "linux", reason="sockets are asked and silenced as Linux has it"),
]

SOON = "keepalives_idle=1&keepalives_interval=1&keepalives_count=1"
LIMIT_S = 60
ATTACH_FILTER = 26
"""`SO_ATTACH_FILTER` of Linux."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(tcp=True) as server:
        yield server


@pytest.fixture
def schema() -> str:
    return f"schema=j{uuid4().hex[:16]}"


def socket_of(connection: "psycopg.Connection[tuple[object, ...]]") -> socket.socket:
    return socket.socket(fileno=socket.dup(connection.fileno()))


@contextmanager
def silent(journal: PostgresJournal) -> Iterator[None]:
    """The session that writes hears nothing any more, acknowledges nothing, and asks nothing."""
    connection = journal._session._connection
    assert connection is not None
    # A program of one instruction: of what comes, keep 0 bytes.
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    with socket_of(connection) as end:
        end.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(drop)))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        yield


@pytest.mark.parametrize(
    ("said", "ours", "servers"),
    [
        ("", (15, 5, 3, 30_000), (15, 5, 3, 30_000)),
        ("keepalives_idle=60", (60, 5, 3, 75_000), (60, 5, 3, 75_000)),
        ("tcp_user_timeout=7000", (15, 5, 3, 7_000), (15, 5, 3, 7_000)),
        ("options=-c%20tcp_keepalives_idle%3D9", (15, 5, 3, 30_000), (9, 5, 3, 30_000)),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_both_ends_ask_soon_unless_the_url_says_otherwise(server, schema, said, ours, servers, read_only):
    place = place_of(f"{server.tcp_url}?{schema}&{said}")
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    with closing(connect(place, read_only=read_only)) as connection:
        with socket_of(connection) as end:
            assert tuple(end.getsockopt(socket.IPPROTO_TCP, name) for name in names) == ours
        asked = "SELECT setting::int FROM pg_settings WHERE name = %s"
        assert tuple(connection.execute(asked, (name,)).fetchall()[0][0] for name in Keepalive().servers) == servers
        assert connection.execute("SHOW default_transaction_read_only").fetchall() == [("on" if read_only else "off",)]


def test_what_the_role_says_wins_and_a_socket_file_asks_nobody(server, schema):
    role = schema.partition("=")[2]
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN; ALTER ROLE {role} SET tcp_keepalives_idle = 44")
    with closing(connect(place_of(server.tcp_url.replace("postgres@", f"{role}@")))) as connection:
        assert connection.execute("SHOW tcp_keepalives_idle").fetchall() == [("44",)]
        assert connection.execute("SHOW tcp_keepalives_interval").fetchall() == [("5",)]
    with closing(connect(place_of(server.url))) as connection:
        assert connection.execute("SHOW tcp_keepalives_idle").fetchall() == [("0",)]


@pytest.mark.parametrize("said", ["keepalives_idle=soon", "tcp_user_timeout=1.5"])
def test_what_is_no_number_is_refused_by_name(said):
    name, _, value = said.partition("=")
    with pytest.raises(ConfigError, match=f"{name}='{value}' is not a whole number"):
        place_of(f"postgresql://localhost/db?{said}")


@pytest.mark.parametrize("said", ["keepalives_idle=0", "keepalives_count=0"])
def test_where_the_system_says_how_it_asks_it_says_how_long(said):
    assert place_of(f"postgresql://localhost/db?{said}").keepalive.limit_ms == 0


def test_the_claims_of_a_machine_that_vanished_are_free_when_the_server_has_noticed(server, schema):
    with (
        closing(PostgresJournal(f"{server.tcp_url}?{schema}&{SOON}")) as theirs,
        closing(PostgresJournal(f"{server.url}?{schema}")) as journal,
        closing(claims_of(theirs)) as gone,
        closing(claims_of(journal)) as claims,
    ):
        assert gone.claim("c1") is None
        theirs.append([signal(id="1", subject="c1")])
        assert "process" in (claims.claim("c1") or "")
        with silent(theirs):
            until = time.monotonic() + LIMIT_S
            while claims.claim("c1") is not None:
                assert time.monotonic() < until
                time.sleep(0.05)
            assert claims.taken("c1").known
            journal.append([signal(id="2", subject="c1")])


def test_a_network_that_goes_silent_is_given_up_and_what_was_to_be_written_is_written_once(server, schema):
    with (
        closing(PostgresJournal(f"{server.tcp_url}?{schema}&{SOON}")) as journal,
        closing(claims_of(journal)) as claims,
    ):
        assert claims.claim("c1") is None
        journal.append([signal(id="1", subject="c1")])
        with silent(journal):
            journal.append([signal(id="2", subject="c1")])
        assert [recorded.signal.id for recorded in journal.read()] == ["1", "2"]
