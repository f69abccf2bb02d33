"""What signals say of an attempt that is over."""

from typing import Any

from ..llm.error import LLMError
from ..llm.usage import Usage, estimated
from .attempt import Attempt
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
