"""Tells subscribers what has become durable, in journal order.

Callbacks run on the runtime's loop, one signal at a time, and must be quick: whoever has work to do hands it to a task.
A callback that raises is logged and counted; the others and the log are not disturbed.
"""

from collections import defaultdict
from collections.abc import Callable

from ..core.pattern import compile_pattern
from ..core.signal import Recorded
from .logs import logger_of

logger = logger_of(__name__)

KEPT_TYPES = 1024
"""Types whose subscribers are remembered. The catalogue is open, so there may be any number of types."""

Callback = Callable[[Recorded], None]


class _Subscription:
    __slots__ = ("callback", "matches")

    def __init__(self, pattern: str, callback: Callback) -> None:
        self.matches = compile_pattern(pattern).matches
        self.callback = callback


class Bus:
    """Publish and subscribe by type pattern (`*` one segment, `**` any), for one subject or for all."""

    def __init__(self) -> None:
        self._everywhere: list[_Subscription] = []
        self._by_subject: defaultdict[str, list[_Subscription]] = defaultdict(list)
        self._by_type: dict[str, list[_Subscription]] = {}
        self.errors = 0
        """Callbacks that raised."""
        self.last_error: str | None = None
        """What the last of them raised, and on which type of signal."""

    def subscribe(self, pattern: str, callback: Callback, *, subject: str | None = None) -> Callable[[], None]:
        """Call `callback` with every matching signal from now on; returns the unsubscriber, which is idempotent."""
        subscription = _Subscription(pattern, callback)
        line = self._everywhere if subject is None else self._by_subject[subject]
        line.append(subscription)
        self._by_type.clear()

        def unsubscribe() -> None:
            if subscription in line:
                line.remove(subscription)
                self._by_type.clear()
            if subject is not None and not self._by_subject.get(subject):
                self._by_subject.pop(subject, None)

        return unsubscribe

    def publish(self, recorded: Recorded) -> None:
        signal = recorded.signal
        everywhere = self._by_type.get(signal.type)
        if everywhere is None:
            everywhere = [subscription for subscription in self._everywhere if subscription.matches(signal.type)]
            if len(self._by_type) >= KEPT_TYPES:
                self._by_type.clear()
            self._by_type[signal.type] = everywhere
        for subscription in everywhere:
            self._call(subscription, recorded)
        here = self._by_subject.get(signal.subject)
        if here:
            for subscription in tuple(here):
                if subscription.matches(signal.type):
                    self._call(subscription, recorded)

    def statistics(self) -> dict[str, int]:
        return {
            "subscribers": len(self._everywhere) + sum(len(line) for line in self._by_subject.values()),
            "errors": self.errors,
        }

    def _call(self, subscription: _Subscription, recorded: Recorded) -> None:
        try:
            subscription.callback(recorded)
        except Exception as error:
            self.errors += 1
            self.last_error = f"{type(error).__name__} on {recorded.signal.type}"
            logger.exception("a subscriber of the bus raised on %s", recorded.signal.type)
