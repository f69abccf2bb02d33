"""The attempts that a plot draws, as plain rows, from whatever it was given."""

from typing import Any

import pandas as pd

from ..attempts import Attempt
from ..column import FLOAT, Column
from ..frames.attempts import attempts_df
from ..source import Source
from .rows import rows_of

NEEDED = ("conversation_id", "effect_id", "attempt", "started", "outcome", "duration_ms", "first_chunk_ms", "wait_ms",
          "waited_ms", "error_category", "http_status")  # fmt: skip

HEARD: Column[Attempt] = Column(
    "heard_ms", FLOAT, lambda a: (a.last_us - a.started_us) / 1000, "from its start to when it was last heard of, ms"
)

_TIMES = ("duration_ms", "first_chunk_ms", "wait_ms", "waited_ms", HEARD.name)


def attempt_rows(source: Source | pd.DataFrame, subject: str | None) -> list[dict[str, Any]]:
    """One row per attempt, with `length_ms`: its duration, or of one without an end as long as it is known to have run.

    An `attempts_df` tells of the latter only when the first chunk came.

    Raises:
        ConfigError: not a source, or a frame of another kind.
    """
    if isinstance(source, pd.DataFrame):
        frame = source
        if subject is not None and "conversation_id" in frame.columns:
            frame = frame[frame["conversation_id"] == subject]
        if "started" in frame.columns and pd.api.types.is_string_dtype(frame["started"]):
            frame = frame.assign(started=pd.to_datetime(frame["started"], utc=True))  # as CSV files give it
        rows = rows_of(frame, NEEDED, "attempts_df")
    else:
        frame = attempts_df(source, subject=subject, columns=[*NEEDED, HEARD])
        rows = rows_of(frame, (*NEEDED, HEARD.name), "attempts_df")
    for row in rows:
        # A clock that was set back makes times less than none, which a table tells and nobody can draw.
        row.update({name: 0.0 for name in _TIMES if (row.get(name) or 0.0) < 0})
        known = (row["duration_ms"], row.get(HEARD.name), row["first_chunk_ms"])
        row["length_ms"] = next((length for length in known if length is not None), 0.0)
    return rows
