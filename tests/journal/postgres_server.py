"""A PostgreSQL server of the tests' own: on a socket file, in a folder that goes with it, without anybody's data."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from urllib.parse import quote

USER = "postgres"


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: on the PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), key=lambda folder: int(folder.split("/")[4]))
    return Path(found).parent if found else Path(folders[-1]) if folders else None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server; gives the URL of its database. It is gone when the block ends."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed"
    place = Path(tempfile.mkdtemp(prefix="jido_pg_"))
    # The server refuses to run as root.
    become = ["runuser", "-u", USER, "--"] if os.getuid() == 0 else []
    if become:
        shutil.chown(place, USER, USER)

    def run(program: str, *arguments: str) -> None:
        command = [*become, str(folder / program), *arguments]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    data, log = str(place / "data"), str(place / "log")
    options = f"-c listen_addresses='' -c unix_socket_directories='{place}' -c fsync=off -c max_connections=200"
    try:
        run("initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql://{USER}@{quote(str(place), safe='')}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)
