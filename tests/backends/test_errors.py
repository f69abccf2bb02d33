"""The failures of the Anthropic API and its SDK (design 3)."""

from typing import Any

import anthropic
import httpx2
import pytest

from jido_nb.backends.jido_ai.errors import sdk_error, status_error, stream_error

NOW_S = 1_700_000_000.0
REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")

IN_STREAM = [
    ("overloaded_error", "provider", True),
    ("api_error", "provider", True),
    ("rate_limit_error", "provider", True),
    ("timeout_error", "timeout", True),
    ("authentication_error", "auth", False),
    ("permission_error", "auth", False),
    ("billing_error", "provider", False),
    ("invalid_request_error", "provider", False),
    ("not_found_error", "provider", False),
    ("request_too_large", "provider", False),
    ("error_of_tomorrow", "provider", True),
    (None, "provider", True),
]


@pytest.mark.parametrize(("kind", "category", "retryable"), IN_STREAM)
def test_an_error_in_the_stream_counts_by_its_type(kind: str | None, category: str, retryable: bool) -> None:
    error = stream_error({"type": "error", "error": {"type": kind, "message": ""}, "request_id": "req_1"})
    assert (error.category, error.retryable) == (category, retryable)
    assert error.details.get("error_type") == kind
    assert error.details["request_id"] == "req_1"
    assert error.message


@pytest.mark.parametrize("record", [{"type": "error"}, {"type": "error", "error": "busy"}])
def test_an_error_without_a_type_is_still_an_error(record: dict[str, Any]) -> None:
    assert stream_error(record).category == "provider"


def test_the_status_counts_and_the_body_explains() -> None:
    body = {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down", "details": {"error_code": "x"}},
    }
    error = status_error(429, body, {"request-id": "req_9", "retry-after": "2"}, NOW_S)
    assert error.to_payload() == {
        "reason": "slow down",
        "error_category": "provider",
        "retryable": True,
        "details": {
            "status": 429,
            "error_type": "rate_limit_error",
            "error_code": "x",
            "request_id": "req_9",
            "retry_after_ms": 2000,
        },
    }


@pytest.mark.parametrize("body", [None, "", {}, [], {"error": None}, {"error": {"message": ""}}])
@pytest.mark.parametrize(("status", "category"), [(503, "provider"), (401, "auth"), (408, "timeout")])
def test_an_empty_body_keeps_the_category(status: int, category: str, body: Any) -> None:
    """W-14."""
    error = status_error(status, body, {}, NOW_S)
    assert error.category == category
    assert str(status) in error.message


def test_a_page_of_a_proxy_is_quoted_in_short() -> None:
    error = status_error(502, "<html>" + "x" * 10_000, {}, NOW_S)
    assert (error.category, error.retryable) == ("provider", True)
    assert len(error.message) < 600


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "category", "which"),
    [
        (caused(anthropic.APITimeoutError(REQUEST), httpx2.ConnectTimeout("")), "timeout", "connect"),
        (caused(anthropic.APITimeoutError(REQUEST), httpx2.ReadTimeout("")), "timeout", "read"),
        (anthropic.APITimeoutError(REQUEST), "timeout", None),
        (caused(anthropic.APIConnectionError(request=REQUEST), ConnectionResetError()), "transport", None),
        (anthropic.APIConnectionError(request=REQUEST), "transport", None),
        (httpx2.RemoteProtocolError("peer closed"), "transport", None),
        (httpx2.ReadError(""), "transport", None),
        (httpx2.DecodingError("bad gzip"), "transport", None),
        (httpx2.UnsupportedProtocol("no scheme"), "config", None),
        (anthropic.AnthropicError("strange"), "unknown", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_exceptions_of_the_sdk_are_sorted(error: Exception, category: str, which: str | None) -> None:
    found = sdk_error(error, NOW_S)
    assert found.category == category
    assert found.details.get("which") == which
    assert found.message


def test_a_status_exception_of_the_sdk_counts_by_its_status() -> None:
    response = httpx2.Response(529, request=REQUEST, headers={"retry-after-ms": "5"})
    error = anthropic.APIStatusError(
        "", response=response, body={"error": {"type": "overloaded_error", "message": "o"}}
    )
    found = sdk_error(error, NOW_S)
    assert (found.category, found.retryable, found.status, found.retry_after_ms) == ("provider", True, 529, 5)
