"""The failures of pydantic-ai as `LLMError`: status first, then what the SDK beneath it raised. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UserError,
)

from ...llm.error import LLMError
from .errors import error_in, malformed, sdk_error, status_error, stream_error


def bridge_error(error: BaseException, now_s: float) -> LLMError:
    """The error behind an exception of pydantic-ai.

    Args:
        now_s: POSIX seconds, for a `Retry-After` that is a date.
    """
    match error:
        case LLMError():
            return error
        case ModelHTTPError(status_code=status, body=body, headers=headers):
            found = status_error(status, _enveloped(body), headers or {}, now_s)
            if error.retry_after is not None:
                found.details.setdefault("retry_after_ms", round(error.retry_after * 1000))
            return found
        case ModelAPIError(body=Mapping() as body) if error.in_stream:
            return stream_error(_enveloped(body))
        case ContentFilterError():
            return LLMError.of("provider", str(error), retryable=False, reason=type(error).__name__)
        case UnexpectedModelBehavior():
            return malformed(str(error))
        case UserError():
            return LLMError.of("config", str(error))
    found = sdk_error(error, now_s)
    if found.category == "unknown" and isinstance(error, ModelAPIError):
        return LLMError.of("provider", found.message, reason=type(error).__name__)
    return found


def _enveloped(body: Any) -> Any:
    """The body with its error where an answer over HTTP has it; the SDKs hand over the error alone."""
    return {"error": body} if isinstance(body, Mapping) and not error_in(body) else body
