"""A journal out and in again, as lines of JSON: to send it, to look at it in a diff, to move it between machines.

Nothing is lost: what is imported has the same places (`seq`), the same bytes and the same markers, so that its frames
are equal and its replay is identical. That is also why a part of a journal cannot be exported, and why an import wants
an empty journal: signals in other places would be another log.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import msgspec

from ..core.signal import Signal
from ..errors import ConfigError, JournalError
from ..journal.jsonl import from_line, to_line
from ..journal.open import open_journal
from ..journal.protocol import Journal
from .source import Source, opened

BATCH = 2000
"""Signals that are written at once."""

_FIELD = re.compile(r"`\$\.(\w+)|required field `(\w+)`")
_BLAMED = {"Invalid isoformat string": "time", "a signal's body is a JSON object": "data"}
_ENVELOPE = ("id", "type", "source", "subject")


def export_jsonl(source: Source, path: str | Path | BinaryIO, *, overwrite: bool = False) -> int:
    """Write every signal of a journal to `path`, one line each, in order; returns how many.

    Args:
        source: Anything that frames take, but no part of a journal.
        path: A file, which is there whole or not at all; or a binary stream, which stays open.
        overwrite: Whether a file that is there already may be replaced.

    Raises:
        ConfigError: not a source, a conversation, or a place that does not serve.
        JournalError: the journal cannot be read.
    """
    count = 0
    with opened(source) as found, _writing(path, overwrite) as file:
        if found.subject is not None:
            message = "one conversation alone would have other places than in its journal; export the journal"
            raise ConfigError(message, field="source", value=found.subject)
        for count, recorded in enumerate(found.read(), 1):  # noqa: B007 - counts
            file.write(to_line(recorded.signal))
    return count


def import_jsonl(path: str | Path, journal: str | Path | Journal) -> int:
    """Write the signals of an exported file to an empty journal; returns how many.

    Every line is checked before the first is written, so a bad file changes nothing.

    Args:
        path: What `export_jsonl` wrote.
        journal: A path or URL, where a journal is made, or an open journal.

    Raises:
        JournalError: a line is not a signal (it names the line and the field) or tells of one twice, the file cannot be
            read, or the journal holds something already.
        ConfigError: `journal` names no kind of journal.
    """
    path = Path(path).expanduser()
    count = sum(1 for _ in _signals(path))
    opened_here = not isinstance(journal, Journal)
    if opened_here and _same_file(path, journal):
        raise ConfigError(f"{path} cannot be imported into itself", field="journal", value=str(journal))
    target = open_journal(journal)
    try:
        if target.last_seq():
            message = f"{target.location} holds {target.last_seq():,} signals already; import into a new journal"
            raise JournalError(message, path=target.location)
        _write(path, target)
    finally:
        if opened_here:
            target.close()
    return count


def _write(path: Path, target: Journal) -> None:
    batch: list[Signal] = []
    for signal in _signals(path):
        batch.append(signal)
        if len(batch) == BATCH:
            target.append(batch)
            batch = []
    target.append(batch)


def _signals(path: Path) -> Iterator[Signal]:
    """The signals of a file, each once. Raises JournalError naming line and field."""
    # Keys as numbers of 64 bits: in a log of a million signals, the chance that two meet is one in thirty millions.
    seen: set[int] = set()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                signal = _signal(path, number, line)
                key = hash((signal.subject, signal.id))
                if key in seen:
                    raise _bad(path, number, "id", f"{signal.id!r} is on an earlier line already")
                seen.add(key)
                yield signal
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}", path=str(path)) from error


def _signal(path: Path, number: int, line: bytes) -> Signal:
    try:
        signal = from_line(line)
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
        found = _FIELD.search(reason)
        named = found and (found[1] or found[2])
        raise _bad(path, number, named or _BLAMED.get(reason.split(":")[0]), reason.partition(" - at ")[0]) from None
    for name in _ENVELOPE:
        if not getattr(signal, name):
            raise _bad(path, number, name, "it is empty")
    return signal


def _bad(path: Path, number: int, field: str | None, reason: str) -> JournalError:
    where = f"line {number}, field {field}" if field else f"line {number}"
    return JournalError(f"{path}, {where}: {reason}. Nothing was imported.", path=str(path))


def _same_file(path: Path, journal: object) -> bool:
    return isinstance(journal, str | Path) and Path(journal).expanduser().resolve() == path.resolve()


@contextmanager
def _writing(path: str | Path | BinaryIO, overwrite: bool) -> Iterator[BinaryIO]:
    if not isinstance(path, str | Path):
        yield path
        return
    path = Path(path).expanduser()
    if path.exists() and (path.is_dir() or not overwrite):
        message = f"{path} is there already; choose another path, or overwrite it (overwrite=True, --overwrite)"
        raise ConfigError(message, field="path", value=str(path))
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}", field="path", value=str(path)) from error
    finally:
        with suppress(OSError):  # it is mostly not there, and a disk that is read-only says so before it looks
            part.unlink()
