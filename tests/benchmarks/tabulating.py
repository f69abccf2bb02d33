"""Replay and frames of a long journal of real turns, beside what people do by hand: `read_sql`, and `json_normalize`.

All read the same file in one run. Ratios are those of CPU seconds, of all threads, which a busy machine changes least.
"""

import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

import jido_nb
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import Ending, Storyteller

from .cost import Cost, cost_of, warm_up
from .row import Row

SIGNALS = 1_000_000
BATCH = 20_000
PEER_SHARE = 10
"""Peers hold every cell as an object of Python's, so they read every tenth part of the log, and the time is scaled."""

FRAMES = (jido_nb.events_df, jido_nb.attempts_df, jido_nb.turns_df, jido_nb.chunks_df)
ENDINGS: tuple[Ending, ...] = ("completed", "completed", "completed", "failed", "canceled")
WORDS = [f"word{number} and " for number in range(40)]


async def measure(full: bool) -> list[Row]:
    signals = SIGNALS if full else SIGNALS // 10
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.sqlite"
        write(path, signals)
        warm_up(jido_nb.replay, *FRAMES)
        replayed = cost_of(lambda: _replay(path))
        events, attempts, turns, chunks = [cost_of(lambda frame=frame: frame(path)) for frame in FRAMES]
        read_sql = cost_of(lambda: _read_sql(path, signals)).cpu_s * PEER_SHARE
        normalized = cost_of(lambda: _normalized(path, signals)).cpu_s * PEER_SHARE
    of = f"of {signals:,} signals of turns"
    frame_target = "<= 3 s" if full else "<= 0.3 s"
    return [
        Row(f"replay {of}", "<= 10 s" if full else "<= 1 s", str(replayed)),
        Row(f"events_df {of}", frame_target, str(events)),
        Row("  beside pd.read_sql of the same rows", "quicker", _beside(read_sql, events)),
        Row(f"attempts_df {of}", frame_target, str(attempts)),
        Row("  beside json_normalize of the effect payloads, not folded yet", "quicker", _beside(normalized, attempts)),
        Row(f"turns_df {of}", "", str(turns)),
        Row(f"chunks_df {of}", "", str(chunks)),
    ]


def _beside(peer_s: float, own: Cost) -> str:
    return f"{peer_s / own.cpu_s:.1f}x as quick ({peer_s:.1f} s of CPU)"


def write(path: Path, signals: int) -> None:
    """A journal of turns of 50 conversations: a quarter is retried, a third thinks, some fail, some are canceled."""
    journal, teller, turn = SqliteJournal(path), Storyteller(), 0
    while teller.seq < signals:
        batch: list[Any] = []
        while len(batch) < BATCH and teller.seq < signals:
            turn += 1
            batch += teller.turn(
                f"c{turn % 50}",
                chunks=WORDS[: 10 + turn % 30],
                thinking=WORDS[:5] if turn % 3 == 0 else (),
                ending=ENDINGS[turn % len(ENDINGS)],
                retries=int(turn % 4 == 0),
            )
        journal.append(batch)
    journal.close()


def _replay(path: Path) -> None:
    assert jido_nb.replay(path).identical


def _read_sql(path: Path, signals: int) -> pd.DataFrame:
    connection = sqlite3.connect(path)
    try:
        return pd.read_sql(f"SELECT * FROM signals WHERE seq <= {signals // PEER_SHARE}", connection)
    finally:
        connection.close()


def _normalized(path: Path, signals: int) -> pd.DataFrame:
    connection = sqlite3.connect(path)
    try:
        asked = f"SELECT body FROM signals WHERE stream = 'effect' AND seq <= {signals // PEER_SHARE}"
        return pd.json_normalize([json.loads(body) for (body,) in connection.execute(asked)])
    finally:
        connection.close()
