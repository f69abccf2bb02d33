"""What one lifecycle signal says that is worth an attribute: facts by the names of the table in `names.py`.

Neither the question nor the answer nor a tool's input is a fact: a trace travels further than a journal does. Values
that are missing, or of another type than the fact has, are left out, because a payload may come from anywhere.
"""

from collections.abc import Mapping
from typing import Any

from ..core.signal import Signal, values_of

Facts = dict[str, Any]

HARNESS = "harness"
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


def effect_facts(signal: Signal) -> Facts:
    """Of the effect as a whole: which it is, and in which conversation."""
    data = values_of(signal.data)
    return {"conversation": signal.subject, "effect": str(data.get("effect_id")), **_texts(data, backend="backend")}


def request_facts(signal: Signal) -> Facts:
    """Of the attempt that `signal` begins: who is asked for what. A harness is an agent, all else a chat."""
    data = values_of(signal.data)
    asked = _texts(data, backend="backend", provider="provider", model="model")
    facts: Facts = {"conversation": signal.subject, **asked, **_whole(data, attempt="attempt")}
    facts["operation"] = "invoke_agent" if asked.get("backend") == HARNESS else "chat"
    if facts["operation"] == "invoke_agent" and "provider" in asked:
        facts["agent"] = asked["provider"]
    if isinstance(data.get("stream"), bool):
        facts["stream"] = data["stream"]
    return facts


def ending_facts(signal: Signal) -> Facts:
    """Of the attempt that `signal` ends: how, what was used, and by whom it was served."""
    data = values_of(signal.data)
    result, details = _table(data.get("result")), _table(data.get("details"))
    usage, cost = _table(data.get("usage") or result.get("usage")), _table(data.get("cost") or result.get("cost"))
    facts: Facts = {
        **_texts(result, served_model="model"),
        **_texts(_table(result.get("metadata")), response_id="message_id"),
        **_texts(details, request_id="request_id"),
        **_texts(result, request_id="request_id"),
        **_whole(details, http_status="status"),
        **_whole(usage, **{name: name for name in TOKENS}),
        **_texts(cost, currency="currency"),
        **outcome_facts(signal),
    }
    if isinstance(reason := result.get("finish_reason"), str):
        facts["finish_reasons"] = (reason,)
    if isinstance(first_ms := data.get("first_chunk_ms"), int | float):
        facts["first_chunk_s"] = round(first_ms / 1000, 6)
    if isinstance(amount := cost.get("amount"), int | float):
        facts["cost"] = float(amount)
    return facts


def outcome_facts(signal: Signal) -> Facts:
    """How whatever `signal` ends has ended: `status`, and `error` or `cancel_reason`."""
    data = values_of(signal.data)
    lifecycle = data.get("lifecycle")
    facts: Facts = {"status": "retried" if lifecycle == "progress" else str(lifecycle)}
    if lifecycle == "canceled":
        facts |= _texts(data, cancel_reason="reason")
    elif lifecycle != "completed":
        facts["error"] = _texts(data, error="error_category").get("error", "unknown")
    if _table(data.get("details")).get("recovered") is True:
        facts["recovered"] = True
    return facts


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(data: Mapping[str, Any], **keys: str) -> dict[str, str]:
    return {fact: value for fact, key in keys.items() if isinstance(value := data.get(key), str) and value}


def _whole(data: Mapping[str, Any], **keys: str) -> dict[str, int]:
    return {fact: value for fact, key in keys.items() if type(value := data.get(key)) is int}
