"""Cancels, folded from a log: each effect that ended as canceled, with the request that ended it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..core.catalogue import CONTROL_TYPES
from ..core.signal import Recorded, Signal

CANCEL_TYPES = (*sorted(CONTROL_TYPES), "conv.effect.**.canceled")


class Cancel(NamedTuple):
    """One canceled effect. `request` is the control signal that asked for it, None where nothing in the log did."""

    seq: int
    signal: Signal
    request: Signal | None


def fold_cancels(log: Iterable[Recorded]) -> Iterator[Cancel]:
    """The cancels in the order in which they took effect. A request that met nothing to cancel gives no row."""
    requests: dict[tuple[str, str], Signal] = {}
    for seq, signal in log:
        if signal.type in CONTROL_TYPES:
            requests[signal.subject, signal.id] = signal
        elif signal.data.get("lifecycle") == "canceled":
            yield Cancel(seq, signal, requests.get((signal.subject, signal.cause_id or "")))
