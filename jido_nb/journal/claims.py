"""Who may write which conversation: one live writer each, however many processes share a journal.

A claim is a lock of the operating system or of the database, so it ends with the process that holds it, however that
ends, and nobody has to guess whether an owner is still alive. Reading needs no claim.
"""

import os
import struct
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from .jsonl import JsonlJournal
from .protocol import Journal
from .sqlite import SqliteJournal

try:
    import fcntl
except ImportError:  # Windows has no record locks; there a journal is not guarded against other processes.
    fcntl = None  # type: ignore[assignment]


class Taken(NamedTuple):
    """Where the log stood when a conversation was taken. `known`: something of it was there already."""

    seq: int
    known: bool


class Claims(Protocol):
    """The conversations of one journal that one runtime may write."""

    def claim(self, subject: str) -> str | None:
        """Take `subject`, or tell who holds it, in words; None: it is this runtime's, now or since before."""

    def taken(self, subject: str) -> Taken:
        """Of one that was taken just now: what there was to be found then."""

    def release(self, subject: str) -> None:
        """Give one back. Quick; others may get it a moment later."""

    def close(self) -> None:
        """Give everything back."""


class OpenClaims:
    """For journals that nobody else can reach: everything is free."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def taken(self, subject: str) -> Taken:
        known = next(self._journal.read(subject=subject, limit=1), None) is not None
        return Taken(self._journal.last_seq(), known)

    def claim(self, subject: str) -> str | None:
        return None

    def release(self, subject: str) -> None:
        """There is nothing to give back."""

    def close(self) -> None:
        """There is nothing to give back."""


class _LockFile:
    """The locks that this process holds in one file. Closing any descriptor of a file drops all of a process's locks
    in it, so there is one descriptor per file and process, and who of this process holds what is kept beside it.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.pid = os.getpid()
        self.users = 0
        self.holders: dict[int, object] = {}


_files: dict[Path, _LockFile] = {}
_guard = Lock()


class FileClaims(OpenClaims):
    """Record locks on a file beside the journal, one byte per conversation. The file stays, and stays empty.

    `whole`: one byte stands for them all, in a journal that has room for one writer only.
    """

    def __init__(self, journal: Journal, *, whole: bool = False) -> None:
        super().__init__(journal)
        path = Path(journal.location)
        self._path = path.with_name(path.name + "-owner")
        self._whole = whole
        self._mine: set[int] = set()
        self._closed = False
        with _guard:
            file = _files.get(self._path)
            if file is None or file.pid != os.getpid():
                # A fork inherits the table but none of the locks.
                file = _files[self._path] = _LockFile(self._path)
            file.users += 1
            self._file = file

    def claim(self, subject: str) -> str | None:
        place = 0 if self._whole else _place(subject)
        if place in self._mine:
            return None
        with _guard:
            if place in self._file.holders:
                return "another Lab or runtime of this process"
            try:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                return _holder(self._file.descriptor, place)
            self._file.holders[place] = self
            self._mine.add(place)
        return None

    def release(self, subject: str) -> None:
        place = _place(subject)
        with _guard:
            if place in self._mine and self._file.pid == os.getpid():
                self._mine.remove(place)
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, place)
                del self._file.holders[place]

    def close(self) -> None:
        with _guard:
            if self._closed or self._file.pid != os.getpid():
                return
            self._closed = True
            for place in self._mine:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, place)
                del self._file.holders[place]
            self._mine.clear()
            self._file.users -= 1
            if not self._file.users:
                # The file itself stays: taking it away would let two newcomers lock two files of one name.
                os.close(self._file.descriptor)
                del _files[self._path]


def _place(subject: str) -> int:
    """The byte that stands for a conversation. Two of them share one only by an accident of 2**-62."""
    return int.from_bytes(sha256(subject.encode("utf-8", "replace")).digest()[:8]) >> 2


_FLOCK = struct.Struct("hhqqi")
"""`struct flock` of 64-bit Linux and, in another order, nowhere else; see `_holder`."""


def _holder(descriptor: int, place: int) -> str:
    """Who keeps that byte locked, as far as the system tells."""
    if os.uname().sysname == "Linux":
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked + bytes(32 - len(asked)))
        pid = _FLOCK.unpack(answer[: _FLOCK.size])[4]
        if pid > 0:
            return f"process {pid} of this machine"
    return "another process of this machine"


_MAKERS: tuple[tuple[type[Journal], Callable[[Journal], Claims]], ...] = (
    (SqliteJournal, FileClaims),
    (JsonlJournal, partial(FileClaims, whole=True)),
)


def claims_of(journal: Journal) -> Claims:
    """The claims on `journal`; one of a kind that is not known here is taken to be nobody else's."""
    own = getattr(journal, "claims", None)
    if own is not None:
        claims: Claims = own()
        return claims
    if fcntl is not None:
        for kind, make in _MAKERS:
            if isinstance(journal, kind):
                return make(journal)
    return OpenClaims(journal)
