"""Back from an `events_df` to the signals that it shows."""

from collections.abc import Iterator

import pandas as pd

from ...core.signal import CONTRACT_MAJOR, Recorded, Signal, from_body, to_time_us
from .rows import rows_of

NEEDED = ("seq", "id", "type", "source", "subject", "time", "cause_id", "data")


def log_of_frame(frame: pd.DataFrame) -> Iterator[Recorded]:
    """The signals of an `events_df`, in its order; what else their extensions held is not in the frame.

    Raises:
        ConfigError: a column is missing.
    """
    for row in rows_of(frame, NEEDED, "events_df"):
        extensions = {"contract_major": CONTRACT_MAJOR}
        if row["cause_id"] is not None:
            extensions["cause_id"] = row["cause_id"]
        body = row["data"].encode()
        envelope = (row["id"], row["type"], row["source"], row["subject"], to_time_us(row["time"]))
        yield Recorded(row["seq"], Signal(*envelope, from_body(body), extensions, body))
