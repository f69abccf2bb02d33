"""The errors that people meet. Each says what is wrong, with which value, and what to do; facts ride as attributes."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class JidoError(Exception):
    """Base of every error that jido_nb raises on purpose."""


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


def closest(value: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest of `known`, with a leading blank, or the empty string."""
    by_lower = {name.lower(): name for name in known}
    matches = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean {by_lower[matches[0]]!r}?" if matches else ""
