"""May this file be a journal? Answered before anything is opened for writing, so that a wrong file stays as it was.

The file is only ever looked at through SQLite: opening and closing it by hand would drop the locks that this process
may hold on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ..errors import JournalError
from .sqlite_schema import APPLICATION_ID, SCHEMA_VERSION, version_of

MOUNTS = Path("/proc/mounts")

SETTLE_LIMIT_S = 0.5
"""Looked at without a lock, a file whose log is being folded back seems damaged; one that is, still does after this."""

_RETRY_S = 0.002

NETWORK_FILESYSTEMS = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)
"""Types of /proc/mounts whose locks or shared memory SQLite's write-ahead log cannot rely on."""

_WAYS_OUT = {
    "SQLITE_FULL": "the disk is full; free some space and try again",
    "SQLITE_READONLY": "it is on a read-only disk or may not be written by this user; read it with read_only=True, "
    "or put the journal elsewhere",
    "SQLITE_CANTOPEN": "it cannot be opened; check that its folder exists, that its disk is not read-only, and "
    "that this user may write there (to read only: read_only=True)",
    "SQLITE_PERM": "this user may not open it; check its permissions",
    "SQLITE_BUSY": "another process keeps it locked; let that one finish or close its journal",
    "SQLITE_LOCKED": "another connection keeps it locked; close that one",
    "SQLITE_NOTADB": "it is not a SQLite file; choose another path",
    "SQLITE_CORRUPT": "it is damaged; go back to a copy, or save what is left with `sqlite3 FILE .recover`",
    "SQLITE_IOERR": "the disk failed or ended; look at the system's log, free some space, and try again",
    "SQLITE_TOOBIG": "a signal is larger than SQLite can keep (1 GB)",
}


def log_of(path: Path) -> Path:
    """The write-ahead log of the file at `path`."""
    return path.with_name(path.name + "-wal")


def explain(error: sqlite3.Error, path: str, doing: str) -> JournalError:
    """The error for people: what was tried, on which file, why it failed, and the way out."""
    name = getattr(error, "sqlite_errorname", None) or ""
    known = next((way for start, way in _WAYS_OUT.items() if name.startswith(start)), None)
    reason = f"{known} ({error})" if known else str(error)
    return JournalError(f"cannot {doing} the journal {path}: {reason}", path=path)


def check_place(path: Path, *, read_only: bool, mounts: str | None = None) -> bool:
    """Whether `path` holds a journal already; False means that one may be made there.

    `mounts` is the text of /proc/mounts, read if None. Raises JournalError with the reason and the way out.
    """
    location = str(path)
    if path.is_dir():
        message = f"{location} is a folder; a journal is a file, for example {path / 'journal.sqlite'}"
        raise JournalError(message, path=location)
    if not path.parent.is_dir():
        message = f"cannot keep a journal at {location}: the folder {path.parent} does not exist; create it first"
        raise JournalError(message, path=location)
    if mounts is None:
        mounts = MOUNTS.read_text(errors="surrogateescape") if MOUNTS.exists() else ""
    network = network_filesystem(path, mounts)
    if network is not None:
        message = (
            f"{location} is on a network disk ({network}), where SQLite cannot lock files reliably and may lose data; "
            "keep the journal on a local disk and copy it after closing"
        )
        raise JournalError(message, path=location)
    if not path.exists():
        if read_only:
            raise JournalError(f"there is no journal at {location} to read; check the path", path=location)
        return False
    return _is_journal(path, read_only)


def network_filesystem(path: Path, mounts: str) -> str | None:
    """The type of the network filesystem that `path` is on, by the text of /proc/mounts, or None."""
    best, kind = "", ""
    target = str(path)
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]).rstrip("/")
        # Of mounts over the same point the last one is what is seen.
        if len(point) >= len(best) and (target == point or target.startswith(point + "/")):
            best, kind = point, fields[2]
    return kind if kind in NETWORK_FILESYSTEMS else None


def _is_journal(path: Path, read_only: bool) -> bool:
    location = str(path)
    deadline = time.monotonic() + SETTLE_LIMIT_S
    while True:
        try:
            application_id, version, tables = _header(path)
            break
        except sqlite3.Error as error:
            if time.monotonic() > deadline:
                raise explain(error, location, "open") from None
            time.sleep(_RETRY_S)
    if application_id == APPLICATION_ID:
        check_version(version, location)
        return True
    log = log_of(path)
    if application_id or tables or (log.exists() and log.stat().st_size):
        message = f"{location} is a SQLite file of another program, not a jido_nb journal; choose another path"
        raise JournalError(message, path=location)
    if read_only:
        raise JournalError(f"{location} is empty: there is no journal to read; check the path", path=location)
    return False


def _header(path: Path) -> tuple[int, int, int]:
    """Whose file it is, of which version; and, where it says nothing of that, how many tables it holds."""
    try:
        # `immutable` takes no lock, writes nothing and makes no side files; the header is all that is asked for.
        return _look(f"{path.as_uri()}?mode=ro&immutable=1")
    except sqlite3.DatabaseError:
        # It does not know of the log either: while a reader keeps that from being folded whole, pages may be missing.
        if not log_of(path).exists():
            raise
        return _look(f"{path.as_uri()}?mode=ro")


def _look(uri: str) -> tuple[int, int, int]:
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = 0 if application_id else int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        return application_id, version_of(connection), tables


def check_version(version: int, location: str) -> None:
    """Raise JournalError for a file that a newer jido_nb made."""
    if version > SCHEMA_VERSION:
        message = (
            f"{location} was written by a newer jido_nb (journal version {version}, this one knows up to "
            f"{SCHEMA_VERSION}); upgrade jido_nb to open it"
        )
        raise JournalError(message, path=location)
