"""What the generations of one conversation have spent, folded from their signals.

Rule 1: an attempt counts when it is over, however it ended; what never ran (refused, or canceled in line) does not.
Rule 2: tokens and cost count as the signals tell them, estimates included.
Rule 3: time counts from an effect's start to its end. A crash hides the end, so its time is not known.
"""

from collections.abc import Mapping
from typing import Any

from ..budget import NOTHING_SPENT, Spent
from ..catalogue import LLM_EFFECT, TERMINAL_LIFECYCLES, lifecycle_of
from ..signal import Recorded

SPENDING_TYPES = (f"{LLM_EFFECT}.*",)


class Spending:
    """Feed it the signals of one conversation in order of the journal; others change nothing."""

    def __init__(self) -> None:
        self.seq = 0
        """The last signal that was applied."""
        self.spent = NOTHING_SPENT
        self._started_us: dict[str, int] = {}

    def apply(self, recorded: Recorded) -> None:
        """Take one signal in."""
        self.seq, signal = recorded
        prefix, lifecycle = lifecycle_of(signal.type)
        # Progress is most of a log, and a payload is parsed when it is first looked into: look at its bytes first.
        if prefix != LLM_EFFECT or (lifecycle == "progress" and b'"retrying"' not in signal.body):
            return
        data = signal.data
        effect_id = str(data.get("effect_id"))
        if lifecycle == "started":
            self._started_us[effect_id] = signal.time_us
        elif lifecycle in TERMINAL_LIFECYCLES:
            started_us = self._started_us.pop(effect_id, None)
            recovered = _mapping(data.get("details")).get("recovered") is True
            wall_ms = 0.0 if started_us is None or recovered else (signal.time_us - started_us) / 1000
            ran = data.get("duration_ms") is not None or (recovered and started_us is not None)
            told = data if "usage" in data else _mapping(data.get("result"))
            self.spent += Spent(attempts=int(ran), wall_ms=wall_ms) + _told(told)
        elif data.get("status") == "retrying":
            self.spent += Spent(attempts=1) + _told(data)


def _told(data: Mapping[str, Any]) -> Spent:
    return Spent.told(_mapping(data.get("usage")), _mapping(data.get("cost")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
