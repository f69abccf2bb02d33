"""Rows of a frame as plain Python values, whatever dtypes people gave it on the way."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from ...errors import ConfigError

T = TypeVar("T")


def last_of(items: Iterable[T], limit: int) -> list[T]:
    """The last `limit` of them.

    Raises:
        ConfigError: not a number from 1.
    """
    if isinstance(limit, bool) or not isinstance(limit, Integral) or limit < 1:
        raise ConfigError(f"limit is a number from 1, not {limit!r}", field="limit", value=limit)
    return list(items)[-int(limit) :]


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
