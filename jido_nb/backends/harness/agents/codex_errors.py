"""What a failure of Codex is (reference, harness.md section 3).

`codex exec` tells failures as text only; `codex app-server` adds a code, which then speaks first. The HTTP status that
either of them names decides before the words around it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....llm.error import Category, LLMError, from_status
from ..errors import SHOWN_STDERR_CHARS, exit_error
from ..process import Exit

_STATUS = re.compile(r"(?:unexpected status|last status:) (\d{3})")
_LOG = re.compile(r"\d{4}-\d\d-\d\dT\S+ +(ERROR|WARN|INFO|DEBUG|TRACE)\b|WARNING: ")
_RECONNECTING = re.compile(r"Reconnecting\.\.\.(?: (\d+)/(\d+))?")

Sorting = tuple[Category, bool, str]
"""Category, retryable, why."""

_CODES: Mapping[str, Sorting] = {
    "contextWindowExceeded": ("provider", False, "context_length"),
    "sessionBudgetExceeded": ("provider", False, "budget"),
    "usageLimitExceeded": ("provider", False, "quota"),
    "rateLimitExceeded": ("provider", True, "rate_limit"),
    "flexUnavailable": ("provider", True, "overloaded"),
    "serverOverloaded": ("provider", True, "overloaded"),
    "policyCapacityUnavailable": ("provider", True, "overloaded"),
    "internalServerError": ("provider", True, "server_error"),
    "modelNotFound": ("config", False, "model_not_found"),
    "unauthorized": ("auth", False, "authentication"),
    "badRequest": ("provider", False, "invalid_request"),
    "cyberPolicy": ("provider", False, "policy"),
    "misalignmentPolicyViolation": ("provider", False, "policy"),
    "inferenceHookDenied": ("provider", False, "policy"),
    "tooManyDenials": ("config", False, "permission_denied"),
    "sandboxError": ("config", False, "sandbox"),
}
# Codes with a status inside; where it is null, the connection is what failed.
_CONNECTION_CODES = frozenset(
    {
        "httpConnectionFailed",
        "responseStreamConnectionFailed",
        "responseStreamDisconnected",
        "responseTooManyFailedAttempts",
    }
)
_WHY = {401: "authentication", 402: "quota", 403: "authentication", 408: "timeout", 429: "rate_limit"}
# In lower case; the first that matches decides.
_WORDS: Sequence[tuple[str, Sorting]] = (
    (r"no rollout found|no (thread|session|conversation) .*found", ("config", False, "unknown_session")),
    (r"missing environment variable", ("auth", False, "no_key")),
    (r"not logged in|please log ?in|(sign|log) in again|refresh token", ("auth", False, "authentication")),
    (r"unauthorized|api key", ("auth", False, "authentication")),
    (r"ran out of room in the model's context window", ("provider", False, "context_length")),
    (r"quota exceeded|usage limit|billing", ("provider", False, "quota")),
    (r"experiencing high demand|at capacity|overloaded", ("provider", True, "overloaded")),
    (r"rate limit", ("provider", True, "rate_limit")),
    (r"idle timeout|timed? ?out", ("timeout", True, "idle")),
    (r"model .*(does not exist|not found|is not supported)|no such model", ("config", False, "model_not_found")),
    (r"stream disconnected|connection failed|error sending request", ("transport", True, "connection")),
    (r"network error|transport error", ("transport", True, "connection")),
    (r"error loading config|unknown configuration field", ("config", False, "settings")),
)


def codex_error(message: str, code: Any = None) -> LLMError:
    """The error of a turn that failed.

    Args:
        code: `codexErrorInfo` of the app server: a word, or `{word: {"httpStatusCode": int | null}}`.
    """
    status = _status(message, code)
    told, body = _json_body(message)
    category, retryable, reason = _sorted(told, status, code, body)
    truncated = True if "stream disconnected" in message else None
    return LLMError.of(category, told, retryable=retryable, reason=reason, status=status, truncated=truncated)


def reconnecting(message: str) -> tuple[int | None, int | None] | None:
    """(attempt, of how many) when `message` says that Codex tries again by itself; None when it does not."""
    found = _RECONNECTING.match(message)
    if found is None:
        return None
    attempt, most = found.groups()
    return (int(attempt), int(most)) if attempt else (None, None)


def codex_exit_error(agent: str, exit: Exit) -> LLMError:
    """The error of a process that ended without a word on its output: configuration, an unknown session."""
    said = _spoken(exit.stderr)
    error = exit_error(agent, replace(exit, stderr=said))
    if exit.stderr.strip():
        error.details["stderr"] = exit.stderr[-SHOWN_STDERR_CHARS:].strip()
    if not exit.returncode or exit.returncode < 0:
        return error
    for pattern, (category, retryable, reason) in _WORDS:
        if re.search(pattern, said.lower()):
            error.details.pop("truncated", None)
            return LLMError(category, error.message, retryable=retryable, details={**error.details, "reason": reason})
    return error


def _spoken(stderr: str) -> str:
    """What Codex says to its user there: not its log, and not that it reads its input, which it says on every run."""
    lines = stderr.splitlines()
    return "\n".join(line for line in lines if not _LOG.match(line) and not line.startswith("Reading additional input"))


def _sorted(message: str, status: int | None, code: Any, body: Mapping[str, Any]) -> Sorting:
    word = next(iter(code), "") if isinstance(code, Mapping) else str(code or "")
    if word in _CODES:
        return _CODES[word]
    if status is not None:
        return _by_status(status)
    kind = str(body.get("code") or body.get("type") or "")
    if kind in ("model_not_found", "context_length_exceeded"):
        return ("config", False, kind) if kind == "model_not_found" else ("provider", False, "context_length")
    for pattern, sorting in _WORDS:
        if re.search(pattern, message.lower()):
            return sorting
    if word in _CONNECTION_CODES:
        return "transport", True, "connection"
    if body:
        # Codex gives the body of a 400 as it is, and of no other status.
        return "provider", False, "invalid_request"
    return "unknown", False, "unknown"


def _by_status(status: int) -> Sorting:
    if status == 404:
        return "config", False, "model_not_found"
    error = from_status(status)
    return error.category, error.retryable, _WHY.get(status, "overloaded" if status >= 500 else "invalid_request")


def _status(message: str, code: Any) -> int | None:
    if isinstance(code, Mapping):
        for inside in code.values():
            status = inside.get("httpStatusCode") if isinstance(inside, Mapping) else None
            if isinstance(status, int) and status >= 400:
                return status
    found = _STATUS.search(message)
    return int(found[1]) if found else None


def _json_body(message: str) -> tuple[str, Mapping[str, Any]]:
    """(words, error object) of a message that is the JSON body of a refused request; else the message and nothing."""
    try:
        body = json.loads(message)
    except ValueError:
        return message, {}
    if not isinstance(body, Mapping):
        return message, {}
    inner = body.get("error")
    error = inner if isinstance(inner, Mapping) else body
    return str(error.get("message") or error.get("detail") or message), error
