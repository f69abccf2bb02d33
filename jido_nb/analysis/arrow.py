"""Frames for other tools: Arrow tables, which polars and duckdb read as they are, and Parquet files.

A whole journal is one table, or one file, per frame, all of the same moment, also while somebody is writing it. Each
column carries its documentation as metadata (`doc`).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import overload
from uuid import uuid4

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from ..errors import ConfigError, closest
from .catalogue import FRAMES
from .frame import AnyFrame
from .source import Source, opened

COMPRESSION = "zstd"


@overload
def to_arrow(what: pd.DataFrame) -> pa.Table: ...


@overload
def to_arrow(
    what: Source, frames: Iterable[str] | None = None, *, subject: str | None = None
) -> dict[str, pa.Table]: ...


def to_arrow(
    what: pd.DataFrame | Source, frames: Iterable[str] | None = None, *, subject: str | None = None
) -> pa.Table | dict[str, pa.Table]:
    """A frame as an Arrow table, or a whole journal as one table per frame, by name.

    Args:
        what: A frame, or anything that frames take as a source.
        frames: Which ones: events, effects, attempts, turns, messages, chunks, tools, cancels, applied, telemetry.
            None: all.
        subject: Only this conversation.

    Raises:
        ConfigError: not a source, an unknown frame.
        JournalError: the journal cannot be read.
    """
    if isinstance(what, pd.DataFrame):
        _only_of_sources(frames, subject)
        return _table(what)
    return dict(_tables(what, frames, subject))


def to_parquet(
    what: pd.DataFrame | Source,
    path: str | Path,
    frames: Iterable[str] | None = None,
    *,
    subject: str | None = None,
) -> list[Path]:
    """Write a frame to the file `path`, or a whole journal to the folder `path`, one file per frame (`events.parquet`).

    A file is there whole or not at all; one of the same name is replaced. The arguments are those of `to_arrow`.

    Returns:
        The files.

    Raises:
        ConfigError: not a source, an unknown frame, or a place that does not serve.
        JournalError: the journal cannot be read.
    """
    path = Path(path).expanduser()
    if isinstance(what, pd.DataFrame):
        _only_of_sources(frames, subject)
        return [_write(_table(what), path)]
    if path.exists() and not path.is_dir():
        message = f"{path} is a file; the frames of a journal go to a folder, one file each"
        raise ConfigError(message, field="path", value=str(path))
    written = []
    for name, table in _tables(what, frames, subject):
        written.append(_write(table, path / f"{name}.parquet", make_folder=True))
    return written


def _only_of_sources(frames: Iterable[str] | None, subject: str | None) -> None:
    if frames is not None or subject is not None:
        raise ConfigError("a frame is made already: `frames` and `subject` go with a journal", field="frames")


def _table(frame: pd.DataFrame) -> pa.Table:
    # A plain count of rows says nothing; labels, as a retry matrix has them, do.
    keep = None if isinstance(frame.index, pd.RangeIndex) else True
    return pa.Table.from_pandas(frame, preserve_index=keep)


def _tables(source: Source, names: Iterable[str] | None, subject: str | None) -> Iterator[tuple[str, pa.Table]]:
    chosen = list(FRAMES) if names is None else [names] if isinstance(names, str) else list(dict.fromkeys(names))
    for name in chosen:
        if name not in FRAMES:
            message = f"no frame named {name!r}.{closest(name, FRAMES)} Known: {', '.join(FRAMES)}"
            raise ConfigError(message, field="frames", value=name)
    with opened(source, subject) as found:
        for name in chosen:
            yield name, _described(FRAMES[name], FRAMES[name].table(found))


def _described(frame: AnyFrame, table: pa.Table) -> pa.Table:
    fields = [pa.field(column.name, column.arrow_type, metadata={"doc": column.doc}) for column in frame.columns]
    return table.cast(pa.schema(fields))


def _write(table: pa.Table, path: Path, *, make_folder: bool = False) -> Path:
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, part, compression=COMPRESSION)
        os.replace(part, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}", field="path", value=str(path)) from error
    finally:
        with suppress(OSError):  # it is mostly not there, and a disk that is read-only says so before it looks
            part.unlink()
    return path
