"""Words for people."""

from typing import Any

import pandas as pd


def counted(count: int, noun: str) -> str:
    """`1 chunk`, `2 chunks`, `1,000 chunks`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def figure(value: Any) -> str:
    """A number, `1,000` for thousands, a fraction with six digits that tell; nothing for what is missing."""
    if pd.isna(value):
        return ""
    if isinstance(value, float) and not value.is_integer() and abs(value) < 1e6:
        return f"{value:,.6g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
