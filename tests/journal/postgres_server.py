"""A PostgreSQL server of the tests' own: on a socket file, in a folder that goes with it, without anybody's data."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from urllib.parse import quote

USER = "postgres"
STRANGER = "stranger"
"""Has to give a password."""


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: on the PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), key=lambda folder: int(folder.split("/")[4]))
    return Path(found).parent if found else Path(folders[-1]) if folders else None


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be stopped and started again. Whoever is on this machine is let in, but for `STRANGER`."""

    place: Path
    folder: Path
    port: int | None = None
    """Where it listens on the loopback, too."""

    @property
    def url(self) -> str:
        """Of its database."""
        return self.url_of(USER)

    def url_of(self, user: str, database: str = "postgres") -> str:
        """`user` may hold a password, `name:password`."""
        port = f":{self.port}" if self.port else ""
        return f"postgresql://{user}@{quote(str(self.place), safe='')}{port}/{database}"

    @property
    def tcp_url(self) -> str:
        """Of its database, over the network."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        listens = f"-c listen_addresses=127.0.0.1 -p {self.port}" if self.port else "-c listen_addresses=''"
        options = f"{listens} -c unix_socket_directories='{self.place}' -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "-D", self._data, "-l", str(self.place / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        """At once, as if its machine had failed."""
        self.run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def make(self) -> None:
        self.run("initdb", "-D", self._data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        rules = Path(self._data) / "pg_hba.conf"
        rules.write_text(f"local all {STRANGER} scram-sha-256\n{rules.read_text()}")

    def run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        become = ["runuser", "-u", USER, "--"] if os.getuid() == 0 else []
        command = [*become, str(self.folder / program), *arguments]
        done = subprocess.run(command, cwd=self.place, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def _data(self) -> str:
        return str(self.place / "data")


@contextmanager
def running_server(*, tcp: bool = False) -> Iterator[Server]:
    """A server that has been started; it is gone when the block ends. `tcp`: it listens on the loopback, too."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed"
    # Below the ports that the system hands out to others.
    port = random.randrange(20_000, 32_000) if tcp else None
    server = Server(Path(tempfile.mkdtemp(prefix="jido_pg_")), folder, port)
    if os.getuid() == 0:
        shutil.chown(server.place, USER, USER)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(server.place, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server's database."""
    with running_server() as server:
        yield server.url
