"""How long somebody waited between the attempts of an effect."""

from collections.abc import Sequence


def waited_ms(waits_ms: Sequence[float], cut_from_us: int | None, ended_us: int | None) -> float:
    """The waits that were decided, together; one that was cut short by a cancel counts as long as it lasted.

    Args:
        waits_ms: In order.
        cut_from_us: When the last of them began, where the effect ended in it.
        ended_us: When the effect ended.
    """
    total = sum(waits_ms)
    if not waits_ms or cut_from_us is None or ended_us is None:
        return total
    return total + min(0.0, (ended_us - cut_from_us) / 1000 - waits_ms[-1])
