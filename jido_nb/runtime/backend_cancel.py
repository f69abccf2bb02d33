"""Tell a backend that nobody waits for its answer any more, and say how that went and what it took."""

from collections.abc import Mapping
from typing import Any

import anyio

from ..llm.error import LLMError
from .attempt import Attempt
from .effect_job import CancelRequest
from .executors.base import Executor, Prepared
from .faults import fault_to_error, is_fault


async def tell_backend(
    executor: Executor[Any],
    prepared: Prepared | None,
    execution_ref: str | None,
    limit_s: float,
    *,
    closed: bool = False,
) -> dict[str, Any]:
    """The `backend_cancel*` keys of a canceled signal, after at most `limit_s` seconds; raises no fault of the backend.

    A backend is told only when it has said what to cancel: without a ref the answer is `not_available`.

    Args:
        closed: The stream has been left already, so a backend that finds nothing running (`config`) has done its part.
    """
    if not executor.remote:
        return {}
    if prepared is None or execution_ref is None:
        return {"backend_cancel": "not_available"}
    with anyio.move_on_after(limit_s):
        try:
            known = await executor.cancel(prepared, execution_ref)
            details = {"backend_cancel_details": dict(known)} if isinstance(known, Mapping) else {}
            return {"backend_cancel": "not_available" if known is False else "ok", **details}
        except BaseException as fault:
            if not is_fault(fault):
                raise
            error = fault_to_error(fault)
            return {"backend_cancel": "ok"} if closed and error.category == "config" else failed(error)
    return failed(LLMError.of("timeout", f"the backend did not answer the cancel within {limit_s:g} s"))


def failed(error: LLMError) -> dict[str, Any]:
    """The keys of a cancel that the backend did not carry out."""
    return {
        "backend_cancel": "failed",
        "backend_cancel_reason": error.message,
        "backend_cancel_category": error.category,
        "backend_cancel_retryable": error.retryable,
    }


def cancel_facts(request: CancelRequest, attempt: Attempt | None, now: float) -> dict[str, Any]:
    """Who asked for a cancel, how long it took, and what stays of an agent's session.

    `cancel_latency_ms` runs to `now`, when nothing of the effect is left to end; `closed_latency_ms` to the end of the
    attempt's connection or process, None where there was none. Both are milliseconds.
    """
    asked_at = now if request.asked_at is None else request.asked_at
    released_at = attempt.released_at if attempt is not None else None
    # A session whose agent has said nothing may not exist: nobody can go on with it.
    note = attempt.session_note if attempt is not None and attempt.streamed else None
    return {
        "reason": request.reason,
        **({"requested_by": request.requested_by} if request.requested_by is not None else {}),
        **({"session": note} if note else {}),
        "cancel_latency_ms": _ms(now - asked_at),
        "closed_latency_ms": None if released_at is None else _ms(max(0.0, released_at - asked_at)),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
