"""What a failure of Claude Code is (measured with 2.1.329).

The result's `subtype` is "success" for failures of the API, so it is asked last: first `terminal_reason`, then the
error that the last record of the assistant named, then the HTTP status, and the words only where nothing else speaks.
"""

import re
from collections.abc import Mapping
from typing import Any

from ....llm.error import Category, LLMError, from_status

# (terminal_reason or subtype) -> why; none of them goes away by asking again.
_LIMITS = {
    "max_turns": "max_turns",
    "error_max_turns": "max_turns",
    "budget_exhausted": "budget",
    "error_max_budget_usd": "budget",
    "prompt_too_long": "context_length",
    "image_error": "invalid_request",
}
# `error` of the assistant's record -> category, retryable, why
_NAMED: Mapping[str, tuple[Category, bool, str]] = {
    "authentication_failed": ("auth", False, "authentication"),
    "oauth_org_not_allowed": ("auth", False, "authentication"),
    "billing_error": ("provider", False, "quota"),
    "model_not_found": ("config", False, "model_not_found"),
    "rate_limit": ("provider", True, "rate_limit"),
    "invalid_request": ("provider", False, "invalid_request"),
    "overloaded": ("provider", True, "overloaded"),
}
_WORDS: tuple[tuple[str, Category, bool, str], ...] = (
    (r"no conversation found|requires a valid session id", "config", False, "unknown_session"),
    (r"not logged in|please run /login|invalid api key|oauth token", "auth", False, "authentication"),
    (r"timed out|timeout", "timeout", True, "timeout"),
    (r"econnrefused|econnreset|enotfound|connection (refused|error|dropped)|socket", "transport", True, "connection"),
    (r"json parse error|unexpected end|unterminated", "transport", True, "broken_stream"),
)  # fmt: skip


def claude_error(result: Mapping[str, Any], named: Mapping[str, Any]) -> LLMError:
    """The error of a run that failed.

    Args:
        result: The `result` record; empty when there was none.
        named: The last `assistant` record that held an error of the API; empty when there was none.
    """
    errors = [str(error) for error in result.get("errors") or ()]
    message = str(result.get("result") or (errors[0] if errors else "") or _text(named) or "the agent failed")
    told = (place.get("api_error_status") for place in (result, named))
    status = next((status for status in told if status and isinstance(status, int)), None)
    facts = {
        "status": status,
        "error_type": result.get("api_error_type") or named.get("api_error_type"),
        "terminal_reason": result.get("terminal_reason"),
        "request_id": named.get("request_id"),
    }
    category, retryable, reason = _sorted(result, named, status, message)
    return LLMError.of(category, message, retryable=retryable, reason=reason, **facts)


def retry_category(error: str, status: int | None) -> Category:
    """What made Claude Code repeat a request."""
    if error in _NAMED:
        return _NAMED[error][0]
    return from_status(status).category if status else "transport" if error == "unknown" else "provider"


def _sorted(
    result: Mapping[str, Any], named: Mapping[str, Any], status: int | None, message: str
) -> tuple[Category, bool, str | None]:
    for key in (result.get("terminal_reason"), result.get("subtype")):
        if key in _LIMITS:
            return "provider", False, _LIMITS[key]
    error = str(named.get("error"))
    if error in _NAMED:
        return _NAMED[error]
    if status == 404:
        return "config", False, "model_not_found"
    if status is not None:
        sorted_by_status = from_status(status)
        return sorted_by_status.category, sorted_by_status.retryable, _reason(status)
    if (result.get("api_error") or named.get("api_error")) == "connection_failed":
        return "transport", True, "connection"
    for pattern, category, retryable, reason in _WORDS:
        if re.search(pattern, message.lower()):
            return category, retryable, reason
    if error == "server_error":
        return "provider", True, "server_error"
    return "unknown", False, None


def _reason(status: int) -> str:
    if status == 429:
        return "rate_limit"
    return "overloaded" if status >= 500 else "invalid_request"


def _text(record: Mapping[str, Any]) -> str:
    message = record.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    texts = (block.get("text") for block in content or () if isinstance(block, Mapping))
    return "".join(text for text in texts if isinstance(text, str))
