"""`replay`: live the log again, without a model, and say whether it is the same."""

import time
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import pandas as pd

from ..core.replay import Divergence, Replayer
from ..core.state import ConversationState
from ..errors import ConfigError, JidoError
from .again import readable_again
from .as_of import AsOf
from .column import INT, TEXT, Column, build_frame
from .html import facts_html, facts_text, shorten
from .progress import progress as with_progress
from .source import Source, opened

DIVERGENCE_COLUMNS: tuple[Column[Divergence], ...] = (
    Column("seq", INT, lambda d: d.seq, "place in the journal where the replay stops being equal"),
    Column("subject", TEXT, lambda d: d.subject, "the conversation"),
    Column("signal_id", TEXT, lambda d: d.signal_id, "the signal that differs"),
    Column("field", TEXT, lambda d: d.field, "what differs: digest, seal, state_hash, data, ..."),
    Column("live", TEXT, lambda d: d.live, "what the log says"),
    Column("replayed", TEXT, lambda d: d.replayed, "what the replay gives"),
)


class ReplayDiverged(JidoError):
    """A replay is not equal to the log; `divergence` is the first difference."""

    def __init__(self, divergence: Divergence, count: int) -> None:
        others = f" (and {count - 1} more conversations differ)" if count > 1 else ""
        super().__init__(f"{_told(divergence)}{others}; replay(...).divergence_df() has the details")
        self.divergence = divergence


class Replay:
    """The verdict over a log. Frozen at the moment it was read: what is written later is not part of it."""

    def __init__(self, replayer: Replayer, seconds: float, source: Source, subject: str | None) -> None:
        self._replayer = replayer
        self._source = source
        self._subject = subject
        self.seconds = seconds
        """How long it took."""
        self.signals = replayer.fed
        """Signals that were read, markers included."""
        self.applied = replayer.applied
        """Signals that were applied again."""
        self.unapplied = len(replayer.unapplied)
        """Signals that no marker names yet: the tail of a live log, or what a crash left."""
        self.last_seq = replayer.last_seq

    @property
    def identical(self) -> bool:
        """Whether everything that was applied gave the state and the outputs that the log says."""
        return self._replayer.identical

    @property
    def states(self) -> Mapping[str, ConversationState]:
        """The state of each conversation at the end; of one that diverged, at its first difference."""
        return self._replayer.states

    @property
    def conversations(self) -> int:
        return len(self._replayer.states)

    @property
    def divergences(self) -> tuple[Divergence, ...]:
        """The first difference of each conversation that has one, in order of `seq`."""
        return tuple(sorted(self._replayer.divergences, key=lambda divergence: divergence.seq))

    def at(self, seq: int) -> AsOf:
        """The log as of `seq`: states, timeline and context of that moment. Reads the source again when asked.

        Raises:
            ConfigError: `seq` is not in what was replayed.
        """
        if isinstance(seq, bool) or not isinstance(seq, Integral) or not 1 <= seq <= self.last_seq:
            raise ConfigError(f"seq is 1 to {self.last_seq} here, not {seq!r}", field="seq", value=seq)
        return AsOf(self._source, int(seq), self._subject)

    def divergence_df(self) -> pd.DataFrame:
        """One row per conversation that differs; no rows if the replay is identical."""
        return build_frame(DIVERGENCE_COLUMNS, self.divergences)

    def assert_identical(self) -> None:
        """Raises ReplayDiverged, which names the first difference."""
        if not self.identical:
            raise ReplayDiverged(self.divergences[0], len(self.divergences))

    def __repr__(self) -> str:
        return facts_text(self._title(), self._facts())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": facts_html(self._title(), self._facts())}

    def _title(self) -> str:
        return "Replay: identical to the log" if self.identical else "Replay: NOT identical to the log"

    def _facts(self) -> list[tuple[str, str]]:
        facts = [
            ("signals", f"{self.signals:,}"),
            ("applied again", f"{self.applied:,}"),
            ("not applied yet", f"{self.unapplied:,}"),
            ("conversations", f"{self.conversations:,}"),
        ]
        if not self.identical:
            facts.append(("conversations that differ", f"{len(self.divergences):,}"))
            facts.append(("first difference", _told(self.divergences[0])))
        return facts


def replay(source: Source, subject: str | None = None, *, progress: bool | None = None) -> Replay:
    """Replay a log: follow its applied markers, call no model, compare every step with what was lived.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals.
        subject: Only this conversation.
        progress: Whether to show a bar when it takes long; None: where somebody watches.

    Raises:
        ConfigError: not a source.
        JournalError: the journal cannot be read.
    """
    replayer = Replayer()
    began = time.perf_counter()
    source = readable_again(source)
    with opened(source, subject) as found:
        total = found.journal.last_seq() if found.journal is not None and found.subject is None else None
        log = found.read()
        replayer.feed_all(with_progress(log, total=total, what="replay", unit="signals", show=progress))
        subject = found.subject
    return Replay(replayer, time.perf_counter() - began, source, subject)


def _told(divergence: Divergence) -> str:
    return (
        f"seq {divergence.seq} in conversation {shorten(divergence.subject, 40)!r}: {divergence.field} of signal "
        f"{shorten(divergence.signal_id, 60)!r} is {shorten(divergence.live)!r} in the log "
        f"and {shorten(divergence.replayed)!r} in the replay"
    )
