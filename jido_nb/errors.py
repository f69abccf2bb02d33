"""The errors that people meet. Each says what is wrong, with which value, and what to do; facts ride as attributes.

Whatever is raised on purpose is one line in a notebook. Tracebacks are for faults of ours.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral
from typing import Any

_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}
_PICTURES |= dict.fromkeys(range(128, 160), 0xFFFD)


class JidoError(Exception):
    """Base of every error that jido_nb raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the place of a traceback; `%tb` is answered the same."""
        # What a server said may be in it, and a terminal would obey it.
        return [f"{type(self).__name__}: {printable(str(self))}"]


class ContractError(JidoError):
    """A signal breaks the contract; nothing was written.

    `field` is the path of the offending value (`subject`, `data.message_id`, `effect_policy.max_attempts`),
    `reason` a short stable word (`missing`, `empty`, `invalid`, `unsupported`, `unknown`), `value` what was found.
    """

    def __init__(self, message: str, *, field: str, reason: str, value: Any = None) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.value = value


class ConfigError(JidoError):
    """A setting, flag, model or backend that does not exist or does not fit."""

    def __init__(self, message: str, *, field: str | None = None, value: Any = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class JournalError(JidoError):
    """A journal that cannot be opened, read or written; the file is left as it was."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class ClosedError(JidoError):
    """The Lab, runtime or journal that was asked is closed."""


def printable(text: str) -> str:
    """`text` with control characters as pictures of themselves: a terminal would obey them."""
    return text.replace("\r\n", "\n").translate(_PICTURES)


def from_one(value: object, field: str) -> int:
    """`value` as a count. Raises ConfigError where it is no whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigError(f"{field} is a number from 1, not {value!r}", field=field, value=value)
    return int(value)


def closest(value: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest of `known`, with a leading blank, or the empty string."""
    by_lower = {name.lower(): name for name in known}
    matches = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean {by_lower[matches[0]]!r}?" if matches else ""
