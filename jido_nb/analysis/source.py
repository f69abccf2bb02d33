"""Where a frame gets its signals: a journal file, a live object, or a plain list.

A path is opened for reading only and closed again, so it may belong to another process that is writing it. Whatever
carries a `.journal` (a Lab, a runtime) stands for that journal; with a `.subject` too (a conversation) it stands for
that conversation's part of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from ..core.pattern import compile_types, matches_any
from ..core.signal import Recorded, Signal
from ..errors import ConfigError
from ..journal.open import open_journal
from ..journal.protocol import Journal

Source: TypeAlias = Any
"""A path or URL, a Journal, anything with a `.journal` (and `.subject`), or an iterable of signals."""

Types: TypeAlias = str | Iterable[str] | None

_ACCEPTED = "a path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals"


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that can be read more than once, until its `opened` block ends."""

    journal: Journal | None
    records: Sequence[Recorded]
    subject: str | None

    def read(self, types: Types = None, subject: str | None = None) -> Iterator[Recorded]:
        """The signals in order of `seq`; filters are left to the journal where there is one.

        Raises:
            ConfigError: a bad pattern.
            JournalError: the journal cannot be read.
        """
        subject = self.subject if subject is None else subject
        if self.journal is not None:
            return self.journal.read(types=types, subject=subject)
        patterns = compile_types(types)
        return (
            recorded
            for recorded in self.records
            if (subject is None or recorded.signal.subject == subject) and matches_any(patterns, recorded.signal.type)
        )

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
        ConfigError: not a source, or a conversation together with another `subject`.
        JournalError: the path holds no journal that can be read.
    """
    if isinstance(source, str | PathLike):
        journal = open_journal(source if isinstance(source, str) else Path(source), read_only=True)
        try:
            yield OpenSource(journal, (), subject)
        finally:
            journal.close()
    elif isinstance(source, Journal):
        yield OpenSource(source, (), subject)
    elif isinstance(getattr(source, "journal", None), Journal):
        yield OpenSource(source.journal, (), _one_subject(getattr(source, "subject", None), subject))
    elif isinstance(source, Iterable):
        yield OpenSource(None, _records(source), subject)
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
            raise _refused(item)
    records.sort(key=lambda recorded: recorded.seq)
    return records


def _refused(value: Any) -> ConfigError:
    return ConfigError(f"{type(value).__name__} is not something to read signals from: {_ACCEPTED}", field="source")
