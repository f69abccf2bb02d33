"""Where a frame gets its signals: a journal file, a live object, or a plain list.

A path is opened for reading only and closed again, so it may belong to another process that is writing it. Whatever
carries a `.journal` (a Lab, a runtime) stands for that journal; with a `.subject` too (a conversation) it stands for
that conversation's part of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from ..core.signal import Recorded, Signal
from ..errors import ConfigError
from ..journal.columns import ColumnReader, Columns
from ..journal.open import open_journal
from ..journal.protocol import Journal
from .filters import EVERYTHING, Filters, Types, filters_of, head_of

Source: TypeAlias = Any
"""A path or URL, a Journal, anything with a `.journal` (and `.subject`), or an iterable of signals."""

_ACCEPTED = "a path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals"


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source as it was when it was opened: it can be read more than once, and gives the same log each time."""

    journal: Journal | None
    records: Sequence[Recorded]
    subject: str | None
    last_seq: int
    """Signals after this one came later, and are not read."""

    def read(
        self, types: Types = None, subject: str | None = None, *, after_seq: int = 0, filters: Filters = EVERYTHING
    ) -> Iterator[Recorded]:
        """The signals in order of `seq`; filters are left to the journal where there is one.

        `types`, if given, stands for those of `filters`.

        Raises:
            ConfigError: a bad pattern.
            JournalError: the journal cannot be read.
        """
        subject = self.subject if subject is None else subject
        if types is not None:
            filters = replace(filters_of(types), since_us=filters.since_us, until_us=filters.until_us,
                              backend=filters.backend)  # fmt: skip
        if self.journal is not None:
            return self.journal.read(
                types=filters.types,
                subject=subject,
                after_seq=after_seq,
                until_seq=self.last_seq,
                since_us=filters.since_us,
                until_us=filters.until_us,
                backend=filters.backend,
            )
        return (
            recorded
            for recorded in self.records
            if recorded.seq > after_seq
            and (subject is None or recorded.signal.subject == subject)
            and (not filters.narrow or filters.passes(head_of(recorded)))
        )

    def read_columns(
        self,
        names: Sequence[str],
        types: Types = None,
        *,
        after_seq: int = 0,
        filters: Filters = EVERYTHING,
    ) -> Columns | None:
        """The same as stored columns; None from a source that keeps none."""
        if not isinstance(self.journal, ColumnReader):
            return None
        return self.journal.read_columns(
            names,
            types=filters.types if types is None else types,
            subject=self.subject,
            after_seq=after_seq,
            until_seq=self.last_seq,
            since_us=filters.since_us,
            until_us=filters.until_us,
            backend=filters.backend,
        )

    def seq_before(self, since_us: int | None) -> int:
        """The `seq` after which everything lies that began at this moment or later; 0 for None.

        Clocks are set back: it is a place in the log, so that what follows a beginning is never lost with it.
        """
        if since_us is None:
            return 0
        if self.journal is None:
            first = next((each for each in self.records if each.signal.time_us >= since_us), None)
        else:
            found = self.journal.read(subject=self.subject, since_us=since_us, until_seq=self.last_seq, limit=1)
            first = next(found, None)
        return self.last_seq if first is None else first.seq - 1

    def subjects(self) -> list[str]:
        """The conversations to show, in the order of their first signals."""
        if self.subject is not None:
            return [self.subject]
        if self.journal is not None:
            return self.journal.subjects()
        return list(dict.fromkeys(recorded.signal.subject for recorded in self.records))


@contextmanager
def opened(source: Source, subject: str | None = None) -> Iterator[OpenSource]:
    """`source`, ready to be read, narrowed to one conversation if `subject` is given.

    What this opens, it closes; what it was given open stays open.

    Raises:
        ConfigError: not a source, a `subject` that is no text, or a conversation together with another one.
        JournalError: the path holds no journal that can be read.
    """
    if not isinstance(subject, str | None):
        message = f"subject is a conversation's id such as 'weather', not {subject!r}"
        raise ConfigError(message, field="subject", value=subject)
    if isinstance(source, str | PathLike):
        journal = open_journal(source if isinstance(source, str) else Path(source), read_only=True)
        try:
            yield OpenSource(journal, (), subject, journal.last_seq())
        finally:
            journal.close()
    elif isinstance(source, Journal):
        yield OpenSource(source, (), subject, source.last_seq())
    elif isinstance(getattr(source, "journal", None), Journal):
        journal = source.journal
        yield OpenSource(journal, (), _one_subject(getattr(source, "subject", None), subject), journal.last_seq())
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | Mapping):
        records = _records(source)
        yield OpenSource(None, records, subject, records[-1].seq if records else 0)
    else:
        raise _refused(source)


def read_source(source: Source, *, types: Types = None, subject: str | None = None) -> Iterator[Recorded]:
    """The signals of any source in order of `seq`, read in bounded batches where it is a journal.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or signals (with or without their `seq`).
        types: Patterns over the signal's type, such as `conv.effect.**`.
        subject: Only this conversation.

    Raises:
        ConfigError: not a source, a bad pattern, or a conversation together with another `subject`.
        JournalError: the path holds no journal that can be read.
    """
    with opened(source, subject) as found:
        yield from found.read(types)


def _one_subject(own: str | None, asked: str | None) -> str | None:
    if own is not None and asked is not None and own != asked:
        message = f"this source is the conversation {own!r}; ask its journal for subject {asked!r}"
        raise ConfigError(message, field="subject", value=asked)
    return own if own is not None else asked


def _records(source: Iterable[Any]) -> list[Recorded]:
    records = []
    for place, item in enumerate(source, 1):
        if isinstance(item, Recorded):
            records.append(item)
        elif isinstance(item, Signal):
            records.append(Recorded(place, item))
        else:
            raise _refused(source, f" of {type(item).__name__}")
    records.sort(key=lambda recorded: recorded.seq)
    return records


def _refused(value: Any, of: str = "") -> ConfigError:
    message = f"{type(value).__name__}{of} is not something to read signals from: {_ACCEPTED}"
    return ConfigError(message, field="source", value=value)
