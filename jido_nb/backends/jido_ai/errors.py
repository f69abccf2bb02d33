"""The failures of model APIs, of the SDK and of the HTTP libraries as `LLMError`: many shapes, one table. Pure."""

from collections.abc import Mapping
from typing import Any

from ...llm.error import Category, LLMError, from_exception, from_status, status_category
from ...llm.retry_after import retry_after_ms

# Error types and codes in lower case: docs.anthropic.com "Errors"; platform.openai.com "Error codes"; the sources of
# vLLM, llama.cpp and Ollama. One that is not here is the provider's fault, and worth another try.
_BY_TYPE: Mapping[str, tuple[Category, bool]] = {
    "invalid_request_error": ("provider", False),
    "authentication_error": ("auth", False),
    "permission_error": ("auth", False),
    "billing_error": ("provider", False),
    "not_found_error": ("provider", False),
    "request_too_large": ("provider", False),
    "conflict_error": ("provider", True),
    "rate_limit_error": ("provider", True),
    "timeout_error": ("timeout", True),
    "api_error": ("provider", True),
    "overloaded_error": ("provider", True),
    # OpenAI and those who speak like it
    "server_error": ("provider", True),
    "rate_limit_exceeded": ("provider", True),
    "insufficient_quota": ("provider", False),
    "invalid_api_key": ("auth", False),
    "permission_denied": ("auth", False),
    "context_length_exceeded": ("provider", False),
    "exceed_context_size_error": ("provider", False),
    "model_not_found": ("provider", False),
    "content_filter": ("provider", False),
    "timeout": ("timeout", True),
    "badrequesterror": ("provider", False),
    "notfounderror": ("provider", False),
    "internalservererror": ("provider", True),
}
_WHICH_TIMEOUT: Mapping[str, str] = {
    "ConnectTimeout": "connect",
    "PoolTimeout": "pool",
    "WriteTimeout": "write",
    "ReadTimeout": "read",
}


def stream_error(record: Mapping[str, Any]) -> LLMError:
    """The error of an error record inside a stream, or of an error body with status 200.

    A code that is an HTTP status decides; then a code, then a type that the table knows.
    """
    kind, message, details = _described(error_in(record))
    status = _status_in(details.get("error_code"))
    if status is not None:
        category, retryable = status_category(status)
    else:
        words = [str(word).lower() for word in (details.get("error_code"), kind)]
        category, retryable = next((_BY_TYPE[word] for word in words if word in _BY_TYPE), ("provider", True))
    return LLMError.of(
        category,
        message or kind or "the stream reported an error",
        retryable=retryable,
        error_type=kind,
        request_id=record.get("request_id"),
        in_stream=True,
        **details,
    )


def error_in(record: Any) -> Mapping[str, Any]:
    """The error that a JSON body holds, in whichever of the usual places; empty when it holds none."""
    if not isinstance(record, Mapping):
        return {}
    inner = record.get("error")
    if isinstance(inner, Mapping):
        return inner
    if isinstance(inner, str):  # Ollama's own form
        return {"message": inner}
    if record.get("object") == "error" or record.get("type") == "error":  # vLLM before 0.10 has no envelope
        return record
    # FastAPI's form, which vLLM and others use for paths and fields that they do not know.
    detail = record.get("detail")
    return {"message": detail if isinstance(detail, str) else str(detail)[:500]} if detail else {}


def sdk_error(error: BaseException, now_s: float) -> LLMError:
    """The error behind an exception of the SDK or of the HTTP library under it.

    Args:
        now_s: POSIX seconds, for a `Retry-After` that is a date.
    """
    if isinstance(error, LLMError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and response is not None:
        return status_error(status, getattr(error, "body", None), response.headers, now_s)
    found = from_exception(error)
    cause = error
    while cause is not None:
        which = _WHICH_TIMEOUT.get(type(cause).__name__)
        if which is not None:
            return LLMError.of("timeout", f"{which} timeout", which=which, reason=type(cause).__name__)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    return found


def status_error(status: int, body: Any, headers: Mapping[str, str], now_s: float) -> LLMError:
    """The error of an HTTP answer, from its status first; `headers` must answer to lower-case names."""
    kind, message, details = _described(error_in(body))
    details |= {
        name: value
        for name, value in {
            "error_type": kind,
            "request_id": headers.get("request-id") or headers.get("x-request-id"),
            "retry_after_ms": retry_after_ms(headers, now_s),
        }.items()
        if value is not None
    }
    if not message and 300 <= status < 400:
        message = f"HTTP status {status}: the address redirects; set the base_url to where it leads"
    if not message and isinstance(body, str) and body.strip():
        message = f"HTTP status {status}: {body.strip()[:500]}"
    return from_status(status, message or (f"HTTP status {status}: {kind}" if kind else ""), details=details)


def malformed(what: str, **details: Any) -> LLMError:
    """The error of an answer that does not follow the protocol."""
    return LLMError.of("transport", what, malformed=True, **details)


def _described(error: Mapping[str, Any]) -> tuple[str | None, str, dict[str, Any]]:
    kind, message, inner = error.get("type"), error.get("message"), error.get("details")
    code = inner.get("error_code") if isinstance(inner, Mapping) else error.get("code")
    return (
        kind if isinstance(kind, str) else None,
        message.strip() if isinstance(message, str) else "",
        {"error_code": code} if isinstance(code, str | int) else {},
    )


def _status_in(code: Any) -> int | None:
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 0
    return number if 400 <= number <= 599 else None
