"""A partition without a loop: a journal in a list, the real engine, and nothing that waits."""

from collections.abc import Iterable

from ..core.directives import EmitOutput
from ..core.engine import MARKER_SOURCE, MARKER_TYPE, Applied, Engine, marker_id
from ..core.outputs import OUTPUT_SOURCE
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal


class LiveLog:
    """Writes signals, applies them when told to, and writes the outputs and markers that follow.

    `log` is what a journal would hold; `applied` is what happened, in order.
    """

    def __init__(self) -> None:
        self.log: list[Recorded] = []
        self.applied: list[Applied] = []
        self.engine = Engine()

    def write(self, signals: Iterable[Signal]) -> None:
        """Record signals and offer them to the engine; nothing is applied yet."""
        for signal in signals:
            recorded = Recorded(len(self.log) + 1, signal)
            self.log.append(recorded)
            self.engine.offer(recorded)

    def step(self) -> Applied | None:
        """Apply the next signal and write its outputs; None when nothing waits."""
        applied = self.engine.step()
        if applied is not None:
            self.applied.append(applied)
            wishes = [directive for directive in applied.directives if isinstance(directive, EmitOutput)]
            self.write([_output(wish, applied.recorded.signal.time_us) for wish in wishes])
        return applied

    def drain(self) -> None:
        """Apply all that waits, with what follows from it."""
        while self.step() is not None:
            pass

    def mark(self) -> None:
        """Write the markers of what was applied since the last call."""
        for subject in self.engine.open_runs:
            written = sum(each.subject == subject and each.type != MARKER_TYPE for _, each in self.log)
            at_rest = self.engine.states[subject].applied_count == written
            marker = self.engine.take_marker(subject, at_rest=at_rest)
            if marker is not None:
                signal = make_signal(
                    id=marker_id(marker.data),
                    type=MARKER_TYPE,
                    source=MARKER_SOURCE,
                    subject=subject,
                    time_us=self.applied[-1].recorded.signal.time_us,
                    data=marker.data,
                    extensions={"contract_major": CONTRACT_MAJOR, "cause_id": marker.cause_id},
                )
                self.write([signal])


def _output(wish: EmitOutput, time_us: int) -> Signal:
    return make_signal(
        id=wish.id,
        type=wish.type,
        source=OUTPUT_SOURCE,
        subject=wish.conversation_id,
        time_us=time_us,
        data=wish.data,
        extensions={"contract_major": CONTRACT_MAJOR, "cause_id": wish.cause_id},
    )
