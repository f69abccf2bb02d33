"""What a version reads from a journal, as plain values that JSON keeps."""

import gzip
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import jido_nb

FRAMES = (
    *("events_df", "effects_df", "attempts_df", "turns_df", "messages_df", "chunks_df", "tools_df", "cancels_df"),
    *("applied_df", "telemetry_df"),
)


def read(source: Any, columns: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The verdict, the states and the tables of a journal; with `columns`, only those columns of each table."""
    replayed = jido_nb.replay(source)
    return {
        "identical": replayed.identical,
        "chains": {subject: state.chain.hex() for subject, state in sorted(replayed.states.items())},
        "tables": {name: _table(name, source, columns and columns[name]) for name in FRAMES},
    }


def columns_of(kept: dict[str, Any]) -> dict[str, list[str]]:
    """The columns that each table had when it was kept."""
    return {name: list(table) for name, table in kept["tables"].items()}


def unpack(packed: Path, folder: Path) -> Path:
    """A golden journal as a file that can be opened."""
    path = folder / packed.name.removesuffix(".gz")
    with gzip.open(packed) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def _table(name: str, source: Any, columns: list[str] | None) -> dict[str, list[Any]]:
    frame = getattr(jido_nb, name)(source, columns=columns)
    return {column: [_plain(cell) for cell in frame[column].array.__arrow_array__().to_pylist()] for column in frame}


def _plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, datetime) else json.loads(json.dumps(cell, default=repr))
