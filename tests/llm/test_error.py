"""Every raw failure comes out with its category (design 3, reference 1.15; W-14, W-16)."""

import errno
import json
import pickle
import socket
import ssl
from types import SimpleNamespace

import pytest

from jido_nb.errors import ConfigError, ContractError
from jido_nb.llm.error import (
    CATEGORIES,
    GenerationCanceled,
    GenerationFailed,
    LLMError,
    from_exception,
    from_status,
)


class HttpError(Exception):
    """As HTTP libraries raise it: the status is an attribute, under one of four names."""

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message)
        self.__dict__.update(facts)


class APIConnectionError(Exception):
    """As the SDKs name it."""


class ReadTimeout(Exception):
    """Stands for httpx's, which derives from TimeoutException."""


class TimeoutException(Exception):
    pass


class ConnectTimeout(TimeoutException):
    pass


STATUSES = [
    *[(status, "provider", False) for status in (400, 402, 404, 405, 413, 422, 499, 600)],
    *[(status, "auth", False) for status in (401, 403)],
    (408, "timeout", True),
    *[(status, "provider", True) for status in (409, 425, 429, 500, 502, 503, 504, 529, 599)],
    (307, "unknown", False),
]


@pytest.mark.parametrize(("status", "category", "retryable"), STATUSES)
def test_a_status_decides_category_and_retry(status: int, category: str, retryable: bool) -> None:
    error = from_status(status)
    assert (error.category, error.retryable, error.status) == (category, retryable, status)
    assert error.message == f"HTTP status {status}"


@pytest.mark.parametrize("facts", [{"status": 503}, {"status_code": 503}, {"status": "503"}])
def test_a_status_counts_under_every_usual_name(facts: dict[str, object]) -> None:
    assert from_exception(HttpError("", **facts)).to_payload()["error_category"] == "provider"
    assert from_exception(HttpError("", response=SimpleNamespace(**facts))).retryable


def test_a_status_beats_a_timeout_around_it() -> None:
    error = TimeoutError("wrapped")
    error.__cause__ = HttpError("no", status_code=401)
    error.__cause__.__cause__ = TimeoutError()
    assert from_exception(error).category == "auth"


EXCEPTIONS = [
    (TimeoutError(), "timeout"),
    (OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
    (ConnectTimeout(), "timeout"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "transport"),
    (ConnectionResetError(), "transport"),
    (OSError(errno.ECONNRESET, "reset"), "transport"),
    (BrokenPipeError(errno.EPIPE, "pipe"), "transport"),
    (OSError(errno.EHOSTUNREACH, "no route"), "transport"),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "transport"),
    (ssl.SSLCertVerificationError("certificate verify failed"), "transport"),
    (json.JSONDecodeError("Expecting value", "<html>", 0), "transport"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "transport"),
    (APIConnectionError(), "transport"),
    (ValueError("max_tokens"), "config"),
    (TypeError("unexpected keyword"), "config"),
    (ConfigError("no backend named 'x'", field="backend"), "config"),
    (ContractError("llm.model", field="llm.model", reason="invalid"), "config"),
    (RuntimeError("boom"), "unknown"),
    (KeyError("x"), "unknown"),
    (OSError(errno.ENOSPC, "disk full"), "unknown"),
]


@pytest.mark.parametrize(("raised", "category"), EXCEPTIONS, ids=lambda value: repr(value)[:40])
def test_an_exception_gets_its_category(raised: BaseException, category: str) -> None:
    error = from_exception(raised)
    assert error.category == category
    assert error.retryable == (category in {"timeout", "provider", "transport"})
    assert error.message


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_the_cause_tells_more_than_its_wrapper(link: str) -> None:
    wrapper = APIConnectionError("Connection error.")
    setattr(wrapper, link, ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"))
    error = from_exception(wrapper)
    assert error.category == "transport"
    assert error.details["reason"] == "econnrefused"
    assert "Connect call failed" in error.message


def test_a_group_of_one_failure_is_that_failure() -> None:
    assert from_exception(BaseExceptionGroup("tasks", [TimeoutError()])).category == "timeout"


def test_a_chain_that_bites_its_tail_ends() -> None:
    error = RuntimeError("a")
    error.__cause__ = RuntimeError("b")
    error.__cause__.__cause__ = error
    assert from_exception(error).category == "unknown"


def raised_from_none() -> BaseException:
    try:
        try:
            raise ConnectionResetError(errno.ECONNRESET, "reset by peer")
        except OSError:
            raise RuntimeError("no reason given") from None
    except RuntimeError as error:
        return error


def test_a_cause_that_was_hidden_still_counts() -> None:
    assert from_exception(raised_from_none()).details["reason"] == "econnreset"


def test_an_llm_error_is_itself_however_deep_it_sits() -> None:
    inner = LLMError.of("auth", "no key")
    outer = RuntimeError("task failed")
    outer.__cause__ = inner
    assert from_exception(outer) is inner


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_empty_message_keeps_its_category(category: str) -> None:
    error = LLMError(category, "")  # type: ignore[arg-type]
    assert error.category == category
    assert error.message
    assert str(error).startswith(category)


def test_a_category_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no error category 'nope'"):
        LLMError("nope", "x")  # type: ignore[arg-type]


def test_an_error_survives_its_payload_and_a_pickle() -> None:
    error = LLMError.of("provider", "busy", retryable=False, status=529, retry_after_ms=7, request_id=None)
    assert error.details == {"status": 529, "retry_after_ms": 7}
    assert error.retry_after_ms == 7
    for again in (LLMError.from_payload(error.to_payload()), pickle.loads(pickle.dumps(error))):
        assert again.to_payload() == error.to_payload()


def test_secrets_leave_the_message_and_the_details() -> None:
    error = LLMError.of(
        "auth", "bad key hunter2hunter2", header="Authorization: Bearer abcdefgh", deep=["hunter2hunter2"]
    )
    shown = repr(error.scrubbed(["hunter2hunter2"]).to_payload()) + repr(error) + str(error)
    assert "hunter2" not in shown
    assert "abcdefgh" not in shown


def test_the_errors_of_a_turn_say_what_happened() -> None:
    failed = GenerationFailed(LLMError.of("timeout", "too slow"), 3, "half")
    assert str(failed) == "the generation failed after 3 attempts: timeout: too slow"
    assert (failed.attempts, failed.partial_text) == (3, "half")
    assert str(GenerationCanceled("user_cancel")) == "the generation was canceled: user_cancel"
