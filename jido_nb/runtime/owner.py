"""One live runtime per journal file: a second one would take the effects of the first for orphans and end them.

The claim is a lock of the operating system on a small file beside the journal, so it ends with the process that holds
it, however that ends.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import JournalError
from ..journal.protocol import Journal

try:
    import fcntl
except ImportError:  # Windows has no flock; there the journal is not guarded.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claim(journal: Journal) -> Iterator[None]:
    """Hold `journal` for writing.

    Raises:
        JournalError: another runtime holds it; the message names it.
    """
    path = Path(journal.location).resolve()  # one file, one lock, whatever name leads to it
    if fcntl is None or not journal.blocking or not path.is_file():
        yield
        return
    lock_path = path.with_name(path.name + "-owner")
    descriptor, pid = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644), os.getpid()
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(descriptor)
            raise JournalError(
                f"{path} is in use by {holder}. Close that Lab or runtime, keep this log elsewhere "
                "(%jido journal PATH), or read the file with jido_nb.events_df and the other frames.",
                path=str(path),
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        # The file stays: taking it away would let two newcomers lock two files of one name. A fork has the lock
        # too, as long as it lives, so closing alone would not give it up; and it is not the fork's to give up.
        if os.getpid() == pid:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        same = holder["pid"] == os.getpid() and holder["host"] == socket.gethostname()
        return "another Lab or runtime of this process" if same else f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
