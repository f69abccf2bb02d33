"""What a crash left behind, and what has to be done about it. Reads the journal, writes nothing.

Rule 1: an effect whose end was asked for ends as canceled: whoever asked was told that the wish is durable.
Rule 2: else, where its policy says `on_recovery: retry`, it goes on with its next attempt, as if the one that was cut
        off had failed. The attempts, the time and the budget that are gone stay gone.
Rule 3: else it ends as failed. In each case `details.recovered` says so, and the text that had arrived is kept.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..core.budget import NOTHING_SPENT, Spent
from ..core.catalogue import CONTROL_TYPES
from ..core.directives import CancelEffects, StartEffect
from ..core.policy import EffectPolicy
from ..core.projections.turn import TurnView
from ..core.reducer import cancel_of, effect_id_of, start_of
from ..core.signal import CONTRACT_MAJOR, Recorded, Signal, make_signal
from ..errors import ContractError
from ..journal.protocol import Journal
from ..llm.error import LLMError
from .effect_job import Resumption

REASON = "the process ended before the effect did"

_ATTRIBUTION = ("backend", "provider", "model", "stream", "tool_name", "tool_call_id")

PolicyOf = Callable[[StartEffect], EffectPolicy]


class Cut(NamedTuple):
    """One effect without an end."""

    effect_id: str
    subject: str
    request: StartEffect | None
    """What asked for it; None: the journal does not know."""
    prefix: str
    """Of the types of its signals."""
    since: int
    """The `seq` of the signal that asked for it, or of its first one."""
    log: list[Recorded]
    """Its signals; none where it has not begun."""
    view: TurnView

    @classmethod
    def of(cls, journal: Journal, recorded: Recorded) -> "Cut":
        """Args: recorded: one of `journal.unfinished_effects()`."""
        signal = recorded.signal
        request, asked, log = start_of(signal), recorded, list[Recorded]()
        if request is None:
            effect_id, prefix = str(signal.data["effect_id"]), signal.type.rpartition(".")[0]
            log = list(journal.read(subject=signal.subject, effect_id=effect_id, types="conv.effect.**"))
            found = journal.find(signal.cause_id, signal.subject) if signal.cause_id else None
            if found is not None and effect_id_of(found.signal) == effect_id:
                request, asked = start_of(found.signal), found
        else:
            effect_id, prefix = request.effect_id, f"conv.effect.{request.effect_class}.{request.kind}"
        view = TurnView(effect_id=effect_id, conversation_id=signal.subject)
        for each in log:
            view.apply(each.signal)
        return cls(effect_id, signal.subject, request, prefix, asked.seq, log, view)

    def wish(self, journal: Journal) -> CancelEffects | None:
        """The first wish to end it."""
        for recorded in journal.read(types=CONTROL_TYPES, subject=self.subject, after_seq=self.since):
            wish = cancel_of(recorded.signal)
            if wish.effect_id in (None, self.effect_id):
                return wish
        return None

    def resumption(self, now_us: int) -> Resumption | None:
        """Where it goes on; None: with its first attempt."""
        if not self.log:
            return None
        retry = self.view.retry
        waiting = retry is not None and retry.attempt == self.view.attempt and self.view.attempt_started_us is not None
        failure = LLMError.of("unknown", REASON, retryable=True, recovered=True)
        failure.partial_text = self.view.text
        numbers = [recorded.signal.id.removeprefix(f"{self.effect_id}/") for recorded in self.log]
        return Resumption(
            attempt=self.view.attempt,
            signals=max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1,
            failure=None if waiting else failure,
            times=self._times(),
            wait_ms=min(max(0.0, (retry.until_us - now_us) / 1000), retry.wait_ms) if waiting and retry else 0.0,
            elapsed_ms=max(0.0, (now_us - self.log[0].signal.time_us) / 1000),
            spent=sum((_spent(recorded.signal) for recorded in self.log), NOTHING_SPENT),
        )

    def ending(self, lifecycle: str, now_us: int, facts: Mapping[str, Any], attribution: Mapping[str, Any]) -> Signal:
        """Its terminal signal. `attribution`: who would have answered, for an effect that never said so."""
        effect_class, kind = self.prefix.split(".")[2:]
        begun = self.log[0].signal.data if self.log else attribution
        data = {
            "effect_id": self.effect_id,
            "lifecycle": lifecycle,
            "effect_class": effect_class,
            "kind": kind,
            "attempt": self.view.attempt if self.log else 0,
            **{key: begun[key] for key in _ATTRIBUTION if key in begun},
            **self._times(),
            "partial_text": self.view.text,
            "details": {"recovered": True},
            "usage": None,
            "cost": None,
            **{key: value for key, value in facts.items() if key != "cause_id"},
        }
        cause_id = facts.get("cause_id") or (self.request.cause_id if self.request else self.log[0].signal.cause_id)
        extensions = {"contract_major": CONTRACT_MAJOR} | ({"cause_id": cause_id} if cause_id else {})
        return make_signal(
            id=f"{self.effect_id}/recovered",
            type=f"{self.prefix}.{lifecycle}",
            source="/runtime/recovery",
            subject=self.subject,
            time_us=now_us,
            data=data,
            extensions=extensions,
        )

    def _times(self) -> dict[str, Any]:
        began_us = self.view.attempt_started_us
        if began_us is None:
            return {"duration_ms": None, "first_chunk_ms": None}
        first_us = self.view.first_chunk_us
        # It lasted at least until its last signal; how much longer, nobody knows.
        return {
            "duration_ms": max(0.0, (self.log[-1].signal.time_us - began_us) / 1000),
            "first_chunk_ms": None if first_us is None else (first_us - began_us) / 1000,
        }


class Lost(NamedTuple):
    """An effect that ends here."""

    cut: Cut
    lifecycle: str
    facts: Mapping[str, Any]


class Wreck(NamedTuple):
    """What has to be applied, ended and driven again, in the order in which it was asked for."""

    unapplied: list[Recorded]
    lost: list[Lost]
    resumed: list[tuple[StartEffect, Resumption | None]]

    def __bool__(self) -> bool:
        return any(self)


def wreck_of(
    journal: Journal, policy_of: PolicyOf, now_us: int, mine: Callable[[str], bool] = lambda subject: True
) -> Wreck:
    """All that processes which are gone left undone in the conversations that are `mine`."""
    wreck = Wreck([recorded for recorded in journal.unapplied() if mine(recorded.signal.subject)], [], [])
    for recorded in journal.unfinished_effects():
        if not mine(recorded.signal.subject):
            continue
        cut = Cut.of(journal, recorded)
        wish = cut.wish(journal)
        if wish is not None:
            asked_by = {} if wish.requested_by is None else {"requested_by": wish.requested_by}
            facts: dict[str, Any] = {
                "reason": wish.reason,
                **asked_by,
                "cause_id": wish.cause_id,
                "cancel_latency_ms": None,
            }
            told = {"backend_cancel": "not_available"} if cut.prefix.startswith("conv.effect.llm.") else {}
            wreck.lost.append(Lost(cut, "canceled", facts | told))
        elif cut.request is not None and _goes_on(cut.request, policy_of):
            wreck.resumed.append((cut.request, cut.resumption(now_us)))
        else:
            facts = {"reason": REASON, "error_category": "unknown", "retryable": True}
            wreck.lost.append(Lost(cut, "failed", facts))
    return wreck


def _goes_on(request: StartEffect, policy_of: PolicyOf) -> bool:
    try:
        return policy_of(request).on_recovery == "retry"
    except ContractError:  # a message that another version let through
        return False


def _spent(signal: Signal) -> Spent:
    data = signal.data
    if data.get("status") != "retrying":
        return NOTHING_SPENT
    return Spent(attempts=1) + Spent.told(data.get("usage"), data.get("cost"))
