"""A journal as lines of JSON: small logs that are committed beside a notebook and read in a diff.

One line per signal, in order, with the attribute names of CloudEvents; `data` is the payload, byte for byte. The file
only grows. All of it is in memory while it is open, so it is no place for a log that becomes large.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from ..core.signal import Recorded, Signal, from_body, to_time_us
from ..errors import JournalError
from .file_path import file_path
from .memory import MemoryJournal
from .protocol import Appended
from .same_files import SameFiles

SUFFIX = ".jsonl"


class Line(msgspec.Struct):
    """One signal as it stands in the file."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    extensions: dict[str, Any]
    data: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def to_line(signal: Signal) -> bytes:
    """`signal` as a line of JSON, with the newline at its end."""
    extensions = dict(signal.extensions)
    time = signal.time.isoformat(timespec="microseconds")
    line = Line(
        signal.id, signal.type, signal.source, signal.subject, time, extensions, msgspec.Raw(bytes(signal.body))
    )
    return _encode(line) + b"\n"


def from_line(text: bytes) -> Signal:
    """The inverse of `to_line`. Raises ValueError for what is none."""
    line = _decode(text)
    body = bytes(line.data)
    time_us = to_time_us(datetime.fromisoformat(line.time))
    return Signal(line.id, line.type, line.source, line.subject, time_us, from_body(body), line.extensions, body)


class JsonlJournal(MemoryJournal):
    """See `Journal`. What `append` returned is in the file, and survives the death of the process."""

    blocking = True

    def __init__(self, path: str | Path, read_only: bool = False) -> None:
        """Open the file at `path`, or make one; `read_only` makes and changes nothing.

        Raises:
            ConfigError: no file can have that path.
            JournalError: the place or the file does not serve, and was left as it was.
        """
        super().__init__()
        self._path = file_path(path)
        self.location = str(self._path)
        self.read_only = read_only
        self._file: FileIO | None = None
        if read_only and not self._path.exists():
            raise JournalError(f"there is no journal at {self.location} to read; check the path", path=self.location)
        try:
            whole = self._path.read_bytes() if self._path.exists() else b""
            # A line without its end was never acknowledged: its writer died while writing it.
            acknowledged = whole[: whole.rfind(b"\n") + 1]
            super().append(list(self._signals(acknowledged)))
            self._size, self._end = len(whole), len(acknowledged)
            if not read_only:
                # Unbuffered: what a full disk did not take must not come later, with the next batch or on closing.
                self._file = self._path.open("ab", buffering=0)
                self._files = SameFiles(self._path)
        except OSError as error:
            raise JournalError(f"cannot open the journal {self.location}: {error}", path=self.location) from None

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        if self._file is None:
            raise JournalError(f"the journal {self.location} was opened for reading only", path=self.location)
        return super().append(signals)

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()

    def _keep(self, fresh: dict[tuple[str, str], Recorded]) -> None:
        if fresh and (file := self._file) is not None:
            self._files.check()
            if os.fstat(file.fileno()).st_size != self._size:
                message = f"{self.location} was changed by somebody else since it was opened; open it again"
                raise JournalError(message, path=self.location)
            try:
                self._size = file.truncate(self._end)
                _write(file, b"".join(to_line(recorded.signal) for recorded in fresh.values()))
                self._size = self._end = os.fstat(file.fileno()).st_size
            except OSError as error:
                with suppress(OSError):  # what is left of it then is the half of a line, or tells of itself
                    file.truncate(self._end)
                message = f"cannot write to the journal {self.location}: {error}"
                raise JournalError(message, path=self.location) from None
        super()._keep(fresh)

    def _signals(self, text: bytes) -> Iterator[Signal]:
        for number, line in enumerate(text.split(b"\n")[:-1], 1):
            try:
                yield from_line(line)
            except (ValueError, msgspec.MsgspecError) as error:
                message = f"{self.location} is no journal: line {number} is not a signal ({error})"
                raise JournalError(message, path=self.location) from None


def _write(file: FileIO, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[file.write(left) :]
