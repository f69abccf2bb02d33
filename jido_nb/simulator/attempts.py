"""Counts how often the same thing was asked.

Each effect, and each request that names none, has its own count, so that parallel conversations never take each
other's failures. The oldest counts are forgotten when there are too many.
"""

from collections import OrderedDict
from hashlib import blake2b


class Attempts:
    """A bounded table of counts."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._counts: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def next(self, key: str) -> int:
        """The number of this attempt, from 1."""
        number = self._counts.pop(key, 0) + 1
        self._counts[key] = number
        if len(self._counts) > self._limit:
            self._counts.popitem(last=False)
        return number

    def forget(self, key: str) -> None:
        """The next attempt is the first again."""
        self._counts.pop(key, None)


def attempt_key(model: str, effect: str | None, body: bytes) -> str:
    """What tells two questions apart: the effect that asks, or else the very bytes that were asked."""
    if effect is not None:
        return f"effect {model} {effect[:512]}"
    return f"body {blake2b(body, digest_size=16).hexdigest()}"
