"""What people write for a moment, as microseconds UTC since 1970, which is how signals are timed."""

from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias

from ..core.signal import to_time_us
from ..errors import ConfigError

Moment: TypeAlias = str | date | datetime
"""An aware datetime (or pandas Timestamp), ISO text, or a date, which is its midnight in UTC.

Text without an offset is UTC, as frames show times.
"""

_ACCEPTED = 'an aware datetime or Timestamp, a date, or ISO text such as "2026-07-28T09:30:00+02:00" or "2026-07-28"'


def moment_us(moment: Any, field: str) -> int | None:
    """`moment` in microseconds since 1970; None stays None.

    Raises:
        ConfigError: not a moment, or a naive datetime, which could mean any time zone; names `field`.
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        return to_time_us(_from_text(moment, field))
    # A Timestamp is a datetime; NaT claims to be one too, and is no moment.
    if isinstance(moment, datetime) and moment == moment:
        if moment.tzinfo is None:
            message = f"{field}={moment.isoformat(' ')} has no time zone; say which, for example .replace(tzinfo=UTC)"
            raise ConfigError(message, field=field, value=moment)
        return to_time_us(moment)
    if isinstance(moment, date) and moment == moment:
        return to_time_us(datetime.combine(moment, time(), UTC))
    raise ConfigError(f"{field}={moment!r} is no moment: give {_ACCEPTED}", field=field, value=moment)


def _from_text(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"{field}={text!r} is no moment: give {_ACCEPTED}", field=field, value=text) from None
