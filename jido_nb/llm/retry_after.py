"""How long a server asks us to wait, in any of the forms that servers use."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_LONGEST = 1e12
"""No wait is longer, in seconds or milliseconds: far beyond all patience, and still an integer that tables hold."""


def retry_after_ms(headers: Mapping[str, str], now_s: float) -> int | None:
    """Milliseconds from `now_s` (POSIX seconds), or None when the headers ask for nothing that can be read.

    Forms: `retry-after-ms` (the vendors' own, strongest), `retry-after` as seconds, `retry-after` as an HTTP date
    (RFC 9110, 10.2.3). A date in the past is 0. `headers` must answer to lower-case names.
    """
    vendors = _number(headers.get("retry-after-ms"))
    if vendors is not None:
        return math.ceil(vendors)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None:
        return math.ceil(seconds * 1000)
    try:
        then = parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0, math.ceil((then - now_s) * 1000))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return min(value, _LONGEST) if math.isfinite(value) and value >= 0 else None
