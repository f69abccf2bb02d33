"""What an error of the Agent Client Protocol is (reference, harness.md section 6).

The protocol itself knows only that one is not logged in; the rest is in the agent's own words, some of them JSON.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from ....llm.error import Category, LLMError, from_status

NOT_LOGGED_IN = -32000
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
RESOURCE_NOT_FOUND = -32002
_STATUS = re.compile(r"(?:API Error:?|unexpected status|last status:|status(?: code)?:?) (\d{3})\b", re.IGNORECASE)
_KINDS: Mapping[str, tuple[Category, bool, str]] = {
    "rate_limit": ("provider", True, "rate_limit"),
    "overloaded": ("provider", True, "overloaded"),
    "server_error": ("provider", True, "overloaded"),
    "authentication_failed": ("auth", False, "authentication"),
    "billing_error": ("provider", False, "quota"),
    "model_not_found": ("config", False, "model_not_found"),
    "invalid_request": ("provider", False, "invalid_request"),
    "ContextOverflowError": ("provider", False, "context_length"),
    "ProviderAuthError": ("auth", False, "authentication"),
}
_WORDS: tuple[tuple[str, Category, bool, str], ...] = (
    (r"authenticat|unauthorized|not logged in|api key|log ?in", "auth", False, "authentication"),
    (r"(session|thread|resource) .*not found|no rollout found|unknown session", "config", False, "unknown_session"),
    (r"no previous sessions|error resuming session", "config", False, "unknown_session"),
    (r"model .*(not found|does not exist|not supported)|(unknown|invalid) model", "config", False, "model_not_found"),
    (r"context window|prompt is too long|context length", "provider", False, "context_length"),
    (r"quota|usage limit|billing", "provider", False, "quota"),
    (r"rate.?limit|too many requests", "provider", True, "rate_limit"),
    (r"overloaded|high demand|unavailable", "provider", True, "overloaded"),
    (r"timed out|timeout", "timeout", True, "timeout"),
    (r"stream disconnected|econnre|connection|network|fetch failed|socket", "transport", True, "connection"),
)
_WHY = {401: "authentication", 402: "quota", 403: "authentication", 404: "model_not_found", 429: "rate_limit"}


def acp_error(error: Mapping[str, Any]) -> LLMError:
    """The error of an answer: `code`, `message`, perhaps `data`."""
    code, data = error.get("code"), error.get("data")
    inside = data if isinstance(data, Mapping) else {}
    told, body = _body(str(error.get("message") or "the agent reports an error without a word"))
    message = str(inside.get("message") or inside.get("details") or told)
    if told not in message and not told.startswith("Internal error"):
        message = f"{told}: {message}"
    category, retryable, reason = _sorted(code, _status(code, body, message), inside, message)
    facts = {"status": _status(code, body, message), "error_code": code if isinstance(code, int) else None}
    known: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    return LLMError(category, message, retryable=retryable, details={**known, "reason": reason})


def _sorted(code: Any, status: int | None, data: Mapping[str, Any], message: str) -> tuple[Category, bool, str]:
    if code == NOT_LOGGED_IN:
        return "auth", False, "authentication"
    if code == RESOURCE_NOT_FOUND:
        return "config", False, "unknown_session"
    if status is not None:
        if status == 404:
            return "config", False, "model_not_found"
        error = from_status(status)
        reason = _WHY.get(status, "overloaded" if status >= 500 else "invalid_request")
        return error.category, error.retryable, reason
    for key in ("errorKind", "errorName"):
        if data.get(key) in _KINDS:
            return _KINDS[data[key]]
    for pattern, category, retryable, reason in _WORDS:
        if re.search(pattern, message.lower()):
            return category, retryable, reason
    if code in (METHOD_NOT_FOUND, INVALID_PARAMS):
        return "config", False, "not_supported"
    return "unknown", False, "unknown"


def _status(code: Any, body: Mapping[str, Any], message: str) -> int | None:
    for value in (code, body.get("code")):
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    found = _STATUS.search(message)
    return int(found[1]) if found and 400 <= int(found[1]) <= 599 else None


def _body(message: str) -> tuple[str, Mapping[str, Any]]:
    """(words, error object) of a message that is JSON; else the message and nothing."""
    try:
        body = json.loads(message)
    except ValueError:
        return message, {}
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    error = inner if isinstance(inner, Mapping) else {}
    return str(error.get("message") or message), error
