"""How a model call fails: one error type, seven categories, and the tables that sort raw failures into them.

Rule 1: category and status decide whether to retry, never the shape in which a provider reports the failure.
Rule 2: an HTTP status beats a reason; the nearest known cause beats its wrappers.
Rule 3: an empty message is still an error of its category.

Exceptions of libraries are recognised by the names of their classes, so that this floor imports none of them.
"""

import errno
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Self, get_args

from ..errors import ConfigError, ContractError, JidoError
from .secrets import scrub, scrub_value
from .usage import Usage

Category = Literal["config", "auth", "timeout", "provider", "transport", "canceled", "unknown"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
RETRYABLE: frozenset[Category] = frozenset({"timeout", "provider", "transport"})
RETRYABLE_STATUSES = frozenset({409, 425, 429})


class LLMError(JidoError):
    """One failed model call. It is raised, and it is the value that the log keeps.

    `details` holds JSON values only, never a secret. Keys with a meaning: `status` (HTTP), `retry_after_ms`,
    `error_type` (the provider's word), `request_id`, `which` (timeouts), `truncated`, `reason`.
    `usage` is what the failed attempt is known to have consumed, `partial_text` what it had streamed.
    """

    usage: Usage | None = None
    partial_text: str = ""
    pace: float = 1.0
    """How much of the wait before the next attempt is really waited: a replayed failure need not take its time."""

    def __init__(
        self,
        category: Category,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        if category not in CATEGORIES:
            raise ValueError(f"no error category {category!r}; known: {', '.join(CATEGORIES)}")
        super().__init__(message)
        self.category: Category = category
        self.message = message or f"{category} error"
        self.retryable = category in RETRYABLE if retryable is None else retryable
        self.details = dict(details or {})

    @classmethod
    def of(cls, category: Category, message: str, *, retryable: bool | None = None, **details: Any) -> Self:
        """The same, with the details as keywords; those that are None are left out."""
        known = {name: value for name, value in details.items() if value is not None}
        return cls(category, message, retryable=retryable, details=known)

    @property
    def status(self) -> int | None:
        """HTTP status, where there was one."""
        status = self.details.get("status")
        return status if isinstance(status, int) else None

    @property
    def retry_after_ms(self) -> int | None:
        """The pause that the server asked for, in milliseconds."""
        wait = self.details.get("retry_after_ms")
        return wait if isinstance(wait, int) else None

    def to_payload(self) -> dict[str, Any]:
        """The four keys that a failed or retrying signal carries."""
        return {
            "reason": self.message,
            "error_category": self.category,
            "retryable": self.retryable,
            "details": dict(self.details),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """The error that `to_payload` described; a category that is not ours becomes `unknown`."""
        category = payload.get("error_category")
        return cls(
            category if category in CATEGORIES else "unknown",
            str(payload.get("reason") or ""),
            retryable=bool(payload.get("retryable", False)),
            details=payload.get("details") or {},
        )

    def scrubbed(self, secrets: Iterable[str] = ()) -> Self:
        """Itself, after taking `secrets` and everything that looks like one out of its message and details."""
        known = tuple(secrets)
        self.message = scrub(self.message, known)
        self.details = scrub_value(self.details, known)
        self.args = (self.message,)
        return self

    def __str__(self) -> str:
        return f"{self.category}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.category, self.message, self.retryable, self.details))


def _rebuild(kind: type[LLMError], category: Category, message: str, retryable: bool, details: Any) -> LLMError:
    return kind(category, message, retryable=retryable, details=details)


class GenerationFailed(JidoError):
    """A turn ended as failed, after `attempts` attempts. `partial_text` is what its last attempt had streamed."""

    def __init__(self, error: LLMError, attempts: int = 1, partial_text: str = "") -> None:
        super().__init__(error, attempts, partial_text)
        self.error = error
        self.attempts = attempts
        self.partial_text = partial_text

    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"the generation failed after {tries}: {self.error}"


class GenerationCanceled(JidoError):
    """A turn was canceled. `reason` says why or by whom, `partial_text` is what had been streamed."""

    def __init__(self, reason: str, partial_text: str = "") -> None:
        super().__init__(reason, partial_text)
        self.reason = reason
        self.partial_text = partial_text

    def __str__(self) -> str:
        return f"the generation was canceled: {self.reason}"


def status_category(status: int) -> tuple[Category, bool]:
    """(category, retryable) of an HTTP status of 400 or more."""
    if status in (401, 403):
        return "auth", False
    if status == 408:
        return "timeout", True
    return "provider", status in RETRYABLE_STATUSES or 500 <= status <= 599


def from_status(status: int, message: str = "", *, details: Mapping[str, Any] | None = None) -> LLMError:
    """The error of an HTTP answer; a status below 400 is an answer that should have been none, so `unknown`."""
    category, retryable = status_category(status) if status >= 400 else ("unknown", False)
    return LLMError(
        category, message or f"HTTP status {status}", retryable=retryable, details={**(details or {}), "status": status}
    )


_TIMEOUT_ERRNOS = frozenset({errno.ETIMEDOUT})
_TRANSPORT_ERRNOS = frozenset(
    {
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENETDOWN, errno.ENETUNREACH,
        errno.ENETRESET, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENOTCONN, errno.ESHUTDOWN, errno.EADDRNOTAVAIL,
    }
)  # fmt: skip

# Class names, looked up along the method resolution order, so that a class speaks before its bases.
_BY_NAME: Mapping[str, Category] = {
    # timeouts: the built-in, httpx, anthropic, openai, requests, urllib3
    "TimeoutError": "timeout",
    "TimeoutException": "timeout",
    "APITimeoutError": "timeout",
    "Timeout": "timeout",
    # transport: name resolution, TLS, resets, broken protocols, closed streams
    "gaierror": "transport",
    "herror": "transport",
    "SSLError": "transport",
    "ConnectionError": "transport",
    "IncompleteRead": "transport",
    "TransportError": "transport",
    "RemoteProtocolError": "transport",
    "LocalProtocolError": "transport",
    "ProtocolError": "transport",
    "DecodingError": "transport",
    "JSONDecodeError": "transport",
    "DecodeError": "transport",
    "StreamError": "transport",
    "APIConnectionError": "transport",
    "APIResponseValidationError": "transport",
    "BrokenResourceError": "transport",
    "ClosedResourceError": "transport",
    "EndOfStream": "transport",
    # canceled
    "CancelledError": "canceled",
    "Cancelled": "canceled",
    # config: what our own side got wrong
    "CredentialsError": "config",
    "UnsupportedProtocol": "config",
    "InvalidURL": "config",
    "ValidationError": "config",
    "ModuleNotFoundError": "config",
    "ValueError": "config",
    "TypeError": "config",
}
# A wrapper such as `APIConnectionError` says less than the error that it wraps.
_VAGUE = frozenset(
    {
        "APIConnectionError", "TransportError", "NetworkError", "ConnectError", "ReadError", "WriteError", "CloseError",
        "BrokenResourceError", "ClosedResourceError", "EndOfStream",
    }
)  # fmt: skip
_PLAIN_WORDS: Mapping[Category, str] = {
    "timeout": "it took too long",
    "transport": "the connection broke",
    "canceled": "canceled",
    "config": "a setting or value does not fit",
}


def from_exception(error: BaseException) -> LLMError:
    """Sort any exception into an `LLMError`; one that is or wraps an LLMError gives that one.

    The chain of `__cause__` and `__context__` is walked: a status anywhere in it wins, then the first error that says
    something definite. What nothing recognises is `unknown` and not retried.
    """
    links = list(_chain(error))
    for link in links:
        if isinstance(link, LLMError):
            return link
    for link in links:
        status = _status_of(link)
        if status is not None and status >= 400:
            return from_status(status, scrub(str(link)), details={"reason": type(link).__name__})
    vague: LLMError | None = None
    for link in links:
        category = _category_of(link)
        if category is None:
            continue
        said = scrub(str(link)) or f"{_PLAIN_WORDS[category]} ({type(link).__name__})"
        found = LLMError.of(category, said, reason=_reason_of(link))
        if type(link).__name__ not in _VAGUE:
            return found
        vague = vague or found
    return vague or LLMError.of("unknown", scrub(str(error)) or type(error).__name__, reason=type(error).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException] = [error]
    while todo:
        link = todo.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            todo.extend(link.exceptions)
        # Suppressed contexts count as well: httpcore raises its own errors `from None`, and only theirs say why.
        todo.extend(below for below in (link.__cause__, link.__context__) if below is not None)


def _status_of(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    for holder, name in ((error, "status_code"), (error, "status"), (response, "status_code"), (response, "status")):
        value = getattr(holder, name, None)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def _category_of(error: BaseException) -> Category | None:
    if isinstance(error, ConfigError | ContractError):
        return "config"
    if isinstance(error, UnicodeDecodeError):  # a ValueError, but bytes on the wire are never our configuration
        return "transport"
    if isinstance(error, OSError) and error.errno in _TRANSPORT_ERRNOS:
        return "transport"
    if isinstance(error, OSError) and error.errno in _TIMEOUT_ERRNOS:
        return "timeout"
    for base in type(error).__mro__:
        if base.__name__ in _BY_NAME:
            return _BY_NAME[base.__name__]
    return None


def _reason_of(error: BaseException) -> str:
    # Of other numbers the meaning depends on the class: 1 is EPERM, and any TLS failure.
    if isinstance(error, OSError) and error.errno in _TRANSPORT_ERRNOS | _TIMEOUT_ERRNOS:
        return errno.errorcode[error.errno].lower()
    return type(error).__name__
