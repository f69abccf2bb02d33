"""Rows of a frame as plain Python values, whatever dtypes people gave it on the way."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from ...errors import ConfigError, closest, from_one

T = TypeVar("T")


def last_of(items: Iterable[T], limit: int) -> list[T]:
    """The last `limit` of them.

    Raises:
        ConfigError: not a number from 1.
    """
    return list(items)[-from_one(limit, "limit") :]


def check_attempts(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise ConfigError for a column that a frame of attempts has to have for a plot, and lacks."""
    for name in names:
        if name not in frame.columns:
            message = f"no column named {name!r} in attempts_df.{closest(name, frame.columns)}"
            raise ConfigError(message, field="by", value=name)


def rows_of(frame: pd.DataFrame, names: Sequence[str], kind: str) -> list[dict[str, Any]]:
    """The cells of `names`, None for missing, times as aware datetimes.

    Raises:
        ConfigError: a column is missing, so this is no frame of that `kind` (`attempts_df`, ...).
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        message = f"this frame is no {kind}: it has no column {', '.join(missing)}"
        raise ConfigError(message, field="source", value=missing[0])
    rows: list[dict[str, Any]] = pa.Table.from_pandas(frame[list(names)], preserve_index=False).to_pylist()
    return rows
