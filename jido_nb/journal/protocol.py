"""What a journal is: an append-only list of signals that outlives the process, with a few ways to look things up.

Guarantees, which `jido_nb.testing.journal_suite` checks:

* Appending is all or nothing, and what `append` returned is committed.
* `seq` starts at 1, rises by one per signal, and a reader never sees a gap: whoever saw `seq` n can read all below it.
* `(subject, id)` is unique for as long as the journal lives. The same id in two conversations is two signals.
* Everything is synchronous and may be called from any thread. One append runs at a time; reads run beside it, and a
  read shows the journal as it was when its first signal was taken.
* What was appended comes back equal, byte for byte in `body`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..core.catalogue import MESSAGE_RECEIVED, TERMINAL_LIFECYCLES, TIMER_TICK, TOOL_REQUESTED
from ..core.signal import Recorded, Signal

REQUESTS = {
    MESSAGE_RECEIVED: "llm-generation-",
    TOOL_REQUESTED: "tool-execution-",
    TIMER_TICK: "timer-wait-",
}
"""Types of signals that ask for an effect, and what stands before the signal's id in the id of that effect."""

MILESTONES = TERMINAL_LIFECYCLES | {"started"}
"""Lifecycles that tell where an effect stands: whoever has none of them has not begun."""


class Appended(NamedTuple):
    """What became of one signal: its record, or, for a duplicate, the record that was there first."""

    recorded: Recorded
    duplicate: bool


@runtime_checkable
class Journal(Protocol):
    """An append-only, durable, ordered log of signals."""

    @property
    def location(self) -> str:
        """Where it is kept, for people: a path, a URL, or `memory`."""

    @property
    def blocking(self) -> bool:
        """Whether calls may wait for a disk or a network; if not, they may run on an event loop."""

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        """Write `signals` in this order, in one transaction; the answer has one entry per signal.

        A signal whose `(subject, id)` is known already, from before or from earlier in this batch, is not written,
        consumes no `seq`, and gives the stored record with `duplicate=True`, even where the payloads differ.

        Raises:
            JournalError: nothing of this batch was written.
            ClosedError: the journal is closed.
        """

    def read(
        self,
        *,
        types: str | Iterable[str] | None = None,
        subject: str | None = None,
        after_seq: int = 0,
        until_seq: int | None = None,
        effect_id: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        backend: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Recorded]:
        """Signals in order of `seq`, read in bounded batches, so that memory does not grow with the journal.

        Args:
            types: One pattern or several over the signal's type (see `core.pattern`).
            subject: Only this conversation.
            after_seq: Only signals with a larger `seq`.
            until_seq: Only signals up to and including this `seq`.
            effect_id: Only signals whose payload has this `effect_id`.
            since_us: Only signals made at or after this moment, microseconds since 1970 in UTC.
            until_us: Only signals made before this moment.
            backend: Only effect and output signals whose payload names this `backend`.
            limit: At most this many.
            newest_first: The largest `seq` first; `limit` then counts from the end.

        Raises:
            ConfigError: a bad pattern.
        """

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        """The signal with this id, in `subject` or, if None, in any conversation (the earliest one)."""

    def last_seq(self) -> int:
        """The largest `seq`; 0 if the journal is empty."""

    def subjects(self) -> list[str]:
        """Every conversation, in the order of their first signals."""

    def statistics(self) -> dict[str, Any]:
        """At least `signals`, `conversations` and `bytes`, all integers."""

    def unfinished_effects(self) -> list[Recorded]:
        """What must be ended or driven again after a crash, in order of `seq`.

        The `started` signal of each effect of which no `completed`, `failed` or `canceled` is kept; and each signal
        of `REQUESTS` whose effect has neither started nor ended. An effect belongs to its conversation: the same
        `effect_id` under another subject is another effect.
        """

    def unapplied(self) -> list[Recorded]:
        """Signals, other than applied markers, that no applied marker of their conversation covers, by `seq`.

        Costs little when everything is applied: conversations whose counts agree are not looked at. That holds
        because no marker covers a signal that an earlier one covers.
        """

    def close(self) -> None:
        """Give back files and connections; further calls raise ClosedError. Closing twice is fine."""
