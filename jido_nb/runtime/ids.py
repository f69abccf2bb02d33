"""Ids and times for new signals: UUIDs that sort by the moment they were made, and microseconds UTC."""

import os
import threading
import time


class IdFactory:
    """Makes UUIDv7 text; ids of one factory sort in the order they were made, also within a millisecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> str:
        random = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
        with self._lock:
            # Milliseconds and 12 bits below them, strictly growing even when the clock stands still or goes back.
            self._last = max(self._last + 1, (time.time_ns() << 12) // 1_000_000)
            stamp = self._last
        value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0x2 << 62 | random
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000
