"""A log as of an earlier moment: what stood in it, what had been said, and what the reducer made of it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from ..core.catalogue import APPLIED, LLM_COMPLETED, priority_of
from ..core.projections.llm_context import CONTEXT_TYPES, MAX_MESSAGES, ContextMessage, llm_context
from ..core.projections.timeline import TIMELINE_TYPES, TimelineEntry, timeline
from ..core.reducer import reduce
from ..core.replay import Replayer
from ..core.signal import Recorded
from ..core.state import ConversationState
from ..errors import ConfigError, closest
from ..journal.marker import covered_ids
from .html import facts_html, facts_text
from .source import Source, opened, read_source


class AsOf:
    """The log up to and including one `seq`. It is a source: every frame, plot and `replay` takes it."""

    def __init__(self, source: Source, seq: int, subject: str | None) -> None:
        self.seq = seq
        self.subject = subject
        """The one conversation it holds; None: all."""
        self._source = source

    def __iter__(self) -> Iterator[Recorded]:
        for recorded in read_source(self._source, subject=self.subject):
            if recorded.seq > self.seq:
                return
            yield recorded

    @cached_property
    def states(self) -> Mapping[str, ConversationState]:
        """The state of each conversation once everything up to `seq` was applied, in the order of its application.

        What a marker behind `seq` names is applied in that marker's order, what none names in the order of the log.
        """
        replayer = Replayer()
        markers: list[Recorded] = []
        for recorded in read_source(self._source, subject=self.subject):
            if recorded.seq <= self.seq:
                replayer.feed(recorded)
            elif not replayer.unapplied:
                break
            elif recorded.signal.type == APPLIED:
                markers.append(recorded)
        return _drained(replayer, markers)

    def timeline(self, subject: str | None = None, *, coalesce_deltas: bool = True) -> list[TimelineEntry]:
        """What had been said in a conversation.

        Args:
            subject: Which; may be left out where there is only one.

        Raises:
            ConfigError: no such conversation yet, or one must be named.
        """
        return timeline(self._part(TIMELINE_TYPES, subject), coalesce_deltas=coalesce_deltas)

    def context(self, subject: str | None = None, *, max_messages: int | None = MAX_MESSAGES) -> list[ContextMessage]:
        """The last messages, as a model would have been told them then; `subject` as for `timeline`."""
        return llm_context(self._part((*CONTEXT_TYPES, LLM_COMPLETED), subject), max_messages=max_messages)

    def _part(self, types: Iterable[str], subject: str | None) -> list[Recorded]:
        with opened(self._source, self.subject) as found:
            subject = self._one(subject)
            return [recorded for recorded in found.read(types, subject) if recorded.seq <= self.seq]

    def _one(self, subject: str | None) -> str:
        known = list(self.states)
        if subject is None and len(known) == 1:
            return known[0]
        if subject in known:
            return str(subject)
        which = "name one of them" if subject is None else f"not {subject!r}.{closest(subject, known)}"
        shown = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        message = f"as of seq {self.seq} there are {len(known)} conversations ({shown}): {which}"
        raise ConfigError(message, field="subject", value=subject)

    def __repr__(self) -> str:
        return facts_text(f"The log as of seq {self.seq}", self._facts())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {
            "text/plain": repr(self),
            "text/html": facts_html(f"The log as of seq {self.seq}", self._facts()),
        }

    def _facts(self) -> list[tuple[str, str]]:
        states = self.states.values()
        return [
            ("conversations", f"{len(states):,}"),
            ("applied", f"{sum(state.applied_count for state in states):,}"),
            ("effects in flight", f"{sum(len(state.in_flight) for state in states):,}"),
        ]


def _drained(replayer: Replayer, markers: Iterable[Recorded]) -> Mapping[str, ConversationState]:
    """The states with what still waited applied too, as the later `markers` say, and then as it was written."""
    waiting = {(recorded.signal.subject, recorded.signal.id): recorded for recorded in replayer.unapplied}
    covered = ((marker.subject, id) for _, marker in markers for id in covered_ids(marker.data))
    order = [recorded for key in covered if (recorded := waiting.pop(key, None)) is not None]
    states = dict(replayer.states)
    for seq, signal in (*order, *waiting.values()):
        # As live: what the reducer cannot take is passed over.
        with suppress(Exception):
            states[signal.subject], _ = reduce(states[signal.subject], signal, seq, priority_of(signal.type))
    return states
