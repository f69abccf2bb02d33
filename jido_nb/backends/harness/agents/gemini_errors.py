"""What a failure of Gemini CLI is (reference, harness.md section 4).

The message often holds the JSON of the API's error; else the exit code is the HTTP status modulo 256.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....llm.error import Category, LLMError, from_status
from ..errors import SHOWN_STDERR_CHARS, exit_error
from ..process import Exit

# Exit code -> category, why; none of them goes away by asking again.
_CODES: Mapping[int, tuple[Category, str]] = {
    41: ("auth", "authentication"),
    42: ("config", "invalid_input"),
    44: ("config", "sandbox"),
    52: ("config", "settings"),
    53: ("provider", "max_turns"),
    54: ("provider", "tool"),
    55: ("config", "untrusted_folder"),
    130: ("canceled", "interrupted"),
}
# Exit codes that can be a status; those below 144 have meanings of their own, but for the one of 529.
_STATUSES = {**{code: code + 256 for code in range(144, 256)}, 17: 529}
_NOISE = re.compile(r"\[STARTUP\]|Warning: |YOLO mode|Ripgrep is not available|\s+at |\s+-")
_WORDS: Sequence[tuple[str, Category, bool, str]] = (
    (r"error resuming session|session .*not found|no previous sessions", "config", False, "unknown_session"),
    (r"without a finish reason|stream ended|empty response", "transport", True, "truncated_output"),
    (r"fetch failed|econnreset|econnrefused|socket|network", "transport", True, "connection"),
    (r"timed out|timeout", "timeout", True, "timeout"),
    (r"in json at position|unexpected token", "transport", True, "malformed_response"),
    (r"quota|rate.?limit|too many requests", "provider", True, "rate_limit"),
    (r"loop detected", "provider", False, "loop"),
)
_WHY = {400: "invalid_request", 401: "authentication", 403: "authentication", 404: "model_not_found", 429: "rate_limit"}


def gemini_error(agent: str, result: Mapping[str, Any] | None, warning: str, exit: Exit) -> LLMError:
    """The error of a run that did not succeed.

    Args:
        result: The failed `result` record; None when there was none.
        warning: The last `error` record's message: what a broken stream is told by.
    """
    error = result.get("error") if result else None
    message = str(error.get("message") or "") if isinstance(error, Mapping) else str(error or "")
    said = message or (warning if result else "")
    status = _status(message)
    if status is None and result is not None:
        status = _STATUSES.get(exit.returncode or 0)
    facts: dict[str, Any] = {"exit_code": exit.returncode, "stderr": exit.stderr[-SHOWN_STDERR_CHARS:].strip() or None}
    if status is not None:
        return _of_status(status, _plain(said), facts)
    base = exit_error(agent, replace(exit, stderr=_spoken(exit.stderr)))
    if (meaning := _CODES.get(exit.returncode or 0)) is not None:
        category, reason = meaning
        if re.search(_WORDS[0][0], exit.stderr.lower()):
            reason = _WORDS[0][3]
        return LLMError.of(category, _plain(said) or base.message, retryable=False, reason=reason, **facts)
    for pattern, category, retryable, reason in _WORDS:
        if said and re.search(pattern, said.lower()):
            truncated = True if reason == "truncated_output" else None
            return LLMError.of(category, _plain(said), retryable=retryable, reason=reason, truncated=truncated, **facts)
    if said:
        return LLMError.of("unknown", _plain(said), reason="unknown", **facts)
    base.details |= {name: value for name, value in facts.items() if value is not None}
    return base


def _spoken(stderr: str) -> str:
    """What Gemini CLI says to its user there: not its start-up notes, and not stack traces."""
    return "\n".join(line for line in stderr.splitlines() if not _NOISE.match(line))


def _of_status(status: int, message: str, facts: Mapping[str, Any]) -> LLMError:
    wait = re.search(r"retry after ([\d.]+)s", message)
    known = {
        **{name: value for name, value in facts.items() if value is not None},
        **({"retry_after_ms": int(float(wait[1].rstrip(".")) * 1000)} if wait else {}),
        "reason": _WHY.get(status, "overloaded" if status >= 500 else "invalid_request"),
    }
    error = from_status(status, message, details=known)
    if status == 404:
        return LLMError("config", error.message, retryable=False, details=error.details)
    if status == 400 and re.search(r"too long|token count|context", message.lower()):
        error.details["reason"] = "context_length"
    return error


def _body(message: str) -> Mapping[str, Any]:
    """The API's error inside of `[API Error: {...}]`."""
    start, end = message.find("{"), message.rfind("}")
    try:
        body = json.loads(message[start : end + 1]) if start >= 0 else {}
    except ValueError:
        return {}
    error = body.get("error", body) if isinstance(body, Mapping) else {}
    return error if isinstance(error, Mapping) else {}


def _status(message: str) -> int | None:
    code = _body(message).get("code")
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _plain(message: str) -> str:
    told = _body(message).get("message")
    return str(told) if told else message.removeprefix("[API Error: ").removesuffix("]")
