"""Turns, folded from a log: each message with the view of its answer that a person had in the end."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..core.catalogue import MESSAGE_RECEIVED
from ..core.projections.turn import LLM_EFFECT_ID, TurnView
from ..core.signal import Recorded, Signal
from .waits import waited_ms

TURN_TYPES = (MESSAGE_RECEIVED, "conv.effect.llm.**")


class TurnRow(NamedTuple):
    """One turn. `number` counts the messages of its conversation from 1; `seq` is the message's place.

    `waiting_us` is when its last wait began, of a turn that ended in one.
    """

    seq: int
    number: int
    message: Signal
    view: TurnView
    waiting_us: int | None = None

    @property
    def recovered(self) -> bool:
        """Its process died; recovery ended it."""
        error = self.view.error
        return bool(error and (error.get("details") or {}).get("recovered"))

    @property
    def duration_ms(self) -> float | None:
        """From the start of the answer to its end; None while it runs and where a crash hid the end."""
        view = self.view
        if view.started_us is None or view.ended_us is None or self.recovered:
            return None
        return (view.ended_us - view.started_us) / 1000

    @property
    def wait_ms(self) -> float:
        """Between its attempts, together; a wait that was cut short by a cancel counts as long as it lasted."""
        view = self.view
        cut_from_us = None if self.recovered else self.waiting_us
        return waited_ms([retry.wait_ms for retry in view.retries], cut_from_us, view.ended_us)


def fold_turns(log: Iterable[Recorded], numbers: Mapping[tuple[str, str], int]) -> Iterator[TurnRow]:
    """Each turn as soon as its answer has ended, then the others. Only open turns are kept in memory.

    `numbers` is what `numbering.turn_numbers` gives for the same log.
    """
    open_turns: dict[tuple[str, str], TurnRow] = {}
    waiting: dict[tuple[str, str], int] = {}
    for seq, signal in log:
        if signal.type == MESSAGE_RECEIVED:
            effect_id = LLM_EFFECT_ID + signal.id
            turn = TurnRow(seq, numbers[signal.subject, effect_id], signal, TurnView(effect_id))
            turn.view.apply(signal)
            open_turns[signal.subject, effect_id] = turn
        elif signal.type.startswith("conv.effect."):
            key = (signal.subject, str(signal.data.get("effect_id")))
            answered = open_turns.get(key)
            if answered is not None:
                # The contract lets foreign signals put anything into optional keys; what a turn cannot read of them
                # must not cost the frame.
                with suppress(AttributeError, TypeError, ValueError):
                    answered.view.apply(signal)
                if answered.view.done:
                    del open_turns[key]
                    yield answered._replace(waiting_us=waiting.pop(key, None))
                elif signal.data.get("status") == "retrying":
                    waiting[key] = signal.time_us
                else:
                    waiting.pop(key, None)
    yield from open_turns.values()
