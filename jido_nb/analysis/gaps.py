"""Times between neighbouring chunks."""

from collections.abc import Sequence
from itertools import pairwise


def gap_ms(at_ms: Sequence[float], quantile: float) -> float | None:
    """A quantile of the gaps between arrivals in order, interpolated linearly; None with fewer than two arrivals."""
    gaps = sorted(later - earlier for earlier, later in pairwise(at_ms))
    if not gaps:
        return None
    place = quantile * (len(gaps) - 1)
    below = int(place)
    above = min(below + 1, len(gaps) - 1)
    return gaps[below] + (gaps[above] - gaps[below]) * (place - below)
