"""What part of a log a frame shows.

One rule for all frames: a row is shown if the signal it begins with, the one whose `seq` it carries, is of the types,
in the conversation and within the time that were asked for, and if the row's backend is the one that was asked for.
So a row is always whole: what happened in it after `until` belongs to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ..core.pattern import Pattern, compile_types, matches_any
from ..core.signal import Recorded
from ..errors import ConfigError
from ..journal.codec import backend_of
from .moments import Moment, moment_us

Types: TypeAlias = str | Iterable[str] | None


class Head(NamedTuple):
    """What filters look at: the signal that a row begins with, and the row's backend.

    `time_us` None: the log has not the row's beginning, so that it is in no span of time.
    """

    type: str
    time_us: int | None
    backend: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Times are microseconds UTC since 1970; None lets everything through."""

    types: tuple[str, ...] | None = None
    since_us: int | None = None
    until_us: int | None = None
    backend: str | None = None
    patterns: tuple[Pattern, ...] | None = None

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return any(each is not None for each in (self.patterns, self.since_us, self.until_us, self.backend))

    def passes(self, head: Head) -> bool:
        return (
            matches_any(self.patterns, head.type)
            and (self.backend is None or head.backend == self.backend)
            and (self.since_us is None or (head.time_us is not None and head.time_us >= self.since_us))
            and (self.until_us is None or (head.time_us is not None and head.time_us < self.until_us))
        )


EVERYTHING = Filters()


def filters_of(
    types: Types = None, since: Moment | None = None, until: Moment | None = None, backend: str | None = None
) -> Filters:
    """The filters that these arguments of a frame ask for.

    Raises:
        ConfigError: a bad pattern, not a moment, a span that ends before it begins, a backend that is no text.
    """
    if not isinstance(types, str | Iterable | None):
        message = f"types is a pattern such as 'conv.in.**', or several, not {types!r}"
        raise ConfigError(message, field="types", value=types)
    kept = None if types is None else (types,) if isinstance(types, str) else tuple(types)
    patterns = compile_types(kept)
    since_us, until_us = moment_us(since, "since"), moment_us(until, "until")
    if since_us is not None and until_us is not None and until_us < since_us:
        message = f"until={until} is before since={since}: nothing can be between them"
        raise ConfigError(message, field="until", value=until)
    if not isinstance(backend, str | None):
        raise ConfigError(f"backend is a name such as 'jido_ai', not {backend!r}", field="backend", value=backend)
    return Filters(kept if patterns is not None else None, since_us, until_us, backend, patterns)


def head_of(recorded: Recorded) -> Head:
    """The head of a row that is one signal."""
    signal = recorded.signal
    return Head(signal.type, signal.time_us, backend_of(signal))
