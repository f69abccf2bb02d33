"""What a failure of OpenCode is (reference, harness.md section 5). Its errors have a name, and often an HTTP status."""

import re
from collections.abc import Mapping
from typing import Any

from ....llm.error import Category, LLMError, from_status
from ..errors import exit_error
from ..process import Exit

_NAMES: Mapping[str, tuple[Category, bool, str]] = {
    "ProviderAuthError": ("auth", False, "authentication"),
    "ContextOverflowError": ("provider", False, "context_length"),
    "MessageOutputLengthError": ("provider", False, "output_length"),
    "MessageAbortedError": ("canceled", False, "interrupted"),
    "ProviderModelNotFoundError": ("config", False, "model_not_found"),
    "ConfigInvalidError": ("config", False, "settings"),
    "ConfigJsonError": ("config", False, "settings"),
}
_WORDS: tuple[tuple[str, Category, bool, str], ...] = (
    (r"timed out|timeout", "timeout", True, "timeout"),
    (r"unable to connect|econnrefused|econnreset|socket|connection|fetch failed", "transport", True, "connection"),
    (r"authentication|unauthorized|api key|not logged in", "auth", False, "authentication"),
    (r"model not found|no such model|unknown model", "config", False, "model_not_found"),
    (r"session not found|notfounderror", "config", False, "unknown_session"),
    (r"must provide a message", "config", False, "invalid_input"),
)
_WHY = {401: "authentication", 402: "quota", 403: "authentication", 404: "model_not_found", 429: "rate_limit"}


def opencode_error(error: Mapping[str, Any]) -> LLMError:
    """The error of an `error` record: `name` and `data`."""
    data = error.get("data") or {}
    name, message = str(error.get("name") or ""), str(data.get("message") or error.get("name") or "the agent failed")
    facts: dict[str, Any] = {"error_type": name or None, "retry_after_ms": _wait(data.get("responseHeaders") or {})}
    if name in _NAMES:
        category, retryable, reason = _NAMES[name]
        return LLMError.of(category, message, retryable=retryable, reason=reason, **facts)
    status = data.get("statusCode")
    if isinstance(status, int) and status >= 400:
        sorted_by_status = from_status(status)
        reason = _WHY.get(status, "overloaded" if status >= 500 else "invalid_request")
        config: tuple[Category, bool] = ("config", False)
        category, retryable = config if status == 404 else (sorted_by_status.category, sorted_by_status.retryable)
        return LLMError.of(category, message, retryable=retryable, reason=reason, status=status, **facts)
    for pattern, category, retryable, reason in _WORDS:
        if re.search(pattern, message.lower()):
            return LLMError.of(category, message, retryable=retryable, reason=reason, **facts)
    if name == "APIError":
        return LLMError.of("provider", message, retryable=bool(data.get("isRetryable")), reason="api_error", **facts)
    return LLMError.of("unknown", message, reason="unknown", **facts)


def opencode_exit_error(agent: str, exit: Exit) -> LLMError:
    """The error of a process that ended without one on its output."""
    error = exit_error(agent, exit)
    if (exit.returncode or 0) > 0:
        for pattern, category, retryable, reason in _WORDS:
            if re.search(pattern, exit.stderr.lower()):
                error.details.pop("truncated", None)
                known = {**error.details, "reason": reason}
                return LLMError(category, error.message, retryable=retryable, details=known)
        if exit.stderr.lstrip().startswith("opencode run"):
            return LLMError("config", error.message, details={**error.details, "reason": "invalid_input"})
    return error


def _wait(headers: Mapping[str, Any]) -> int | None:
    said = str(headers.get("retry-after") or "")
    return int(float(said) * 1000) if re.fullmatch(r"\d+(\.\d+)?", said) else None
