"""What signals say of an attempt that is over."""

from typing import Any

from ..core.budget import Spent
from ..llm.error import LLMError
from ..llm.usage import Usage, estimated
from .attempt import Attempt
from .backoff import GiveUp, Wait
from .executors.base import Executor, Prepared


def times_of(executor: Executor[Any], attempt: Attempt | None) -> dict[str, Any]:
    """How long it took, in milliseconds; None where there was no attempt or no chunk."""
    times: dict[str, Any] = {"duration_ms": attempt.duration_ms if attempt else None}
    if executor.remote:
        times["first_chunk_ms"] = attempt.first_chunk_ms if attempt else None
    return times


def remains_of(
    executor: Executor[Any], prepared: Prepared | None, attempt: Attempt | None, error: LLMError | None = None
) -> dict[str, Any]:
    """What is left of an attempt that did not complete: its times, text, usage and cost.

    What the error knows of usage comes first: it was raised by whoever had the whole answer in hands.
    """
    remains = times_of(executor, attempt)
    if not executor.remote:
        return remains
    text = (attempt.text if attempt else "") or (error.partial_text if error else "")
    told = (error.usage if error else None) or (attempt.usage if attempt else None)
    remains["partial_text"] = text
    characters = (attempt.characters if attempt else 0) or len(text)
    remains |= spent_by(executor, prepared, told, characters, attempt.served_model if attempt else None)
    if attempt is not None and attempt.cost is not None:
        remains["cost"] = attempt.cost
    return remains


def spent_by(
    executor: Executor[Any], prepared: Prepared | None, told: Usage | None, characters: int, served_model: str | None
) -> dict[str, Any]:
    """`usage` and `cost` of an attempt that did not complete, as payloads; a usage that is a guess says `estimated`."""
    usage = estimated(told, characters)
    if usage is None:
        return {"usage": None, "cost": None}
    payload = usage.to_payload() | ({"estimated": True} if usage is not told else {})
    return {"usage": payload, "cost": executor.cost(prepared, usage, served_model) if prepared is not None else None}


def spent_so_far(executor: Executor[Any], prepared: Prepared, attempt: Attempt) -> Spent:
    """What a running attempt has consumed, as far as it is known or can be guessed."""
    told = spent_by(executor, prepared, attempt.usage, attempt.characters, attempt.served_model)
    return Spent.told(told["usage"], told["cost"])


def retrying(error: LLMError, wait: Wait, attempt: Attempt | None, remains: dict[str, Any]) -> dict[str, Any]:
    """Why an attempt failed, how long the next one waits, and what it cost; its text is void (`discarded`)."""
    text = remains.pop("partial_text", None)
    return {
        **(attempt.session if attempt is not None else {}),
        "status": "retrying",
        "backoff_ms": wait.backoff_ms,
        "wait_ms": wait.wait_ms,
        "retry_after_ms": wait.retry_after_ms,
        **error.to_payload(),
        "discarded": attempt.streamed if attempt is not None else bool(text),
        **remains,
    }


def failure_of(error: LLMError, verdict: GiveUp | None = None) -> dict[str, Any]:
    """Why an effect failed, and where a rule forbids another attempt that it could have had, which."""
    payload = error.to_payload()
    if verdict is not None and verdict.which in ("retry_after", "deadline"):
        payload["details"] |= {"gave_up": verdict.which, "wait_ms": verdict.wait_ms}
        if verdict.which == "deadline":
            payload["details"].setdefault("which", "deadline")
    return payload
