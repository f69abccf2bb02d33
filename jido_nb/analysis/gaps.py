"""Times between neighbouring chunks."""

from collections.abc import Sequence

import numpy as np


def sorted_gaps(at_ms: Sequence[float]) -> list[float]:
    """The gaps between arrivals in order, the shortest first."""
    gaps: list[float] = np.sort(np.diff(np.asarray(at_ms, dtype=float))).tolist()
    return gaps


def quantile_of(gaps: Sequence[float], quantile: float) -> float | None:
    """A quantile of sorted gaps, interpolated linearly; None where there is none."""
    if not gaps:
        return None
    place = quantile * (len(gaps) - 1)
    below = int(place)
    above = min(below + 1, len(gaps) - 1)
    return gaps[below] + (gaps[above] - gaps[below]) * (place - below)


def gap_ms(at_ms: Sequence[float], quantile: float) -> float | None:
    """A quantile of the gaps between arrivals in order; None with fewer than two arrivals."""
    return quantile_of(sorted_gaps(at_ms), quantile)
