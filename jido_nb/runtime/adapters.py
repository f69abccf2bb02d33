"""Ready-made raw signals for the usual sources: chat channels, controls, timers, tools, LLM lifecycles, outputs.

Each returns a mapping for `Runtime.ingest`. The payload given is kept and the reserved keys are put over it.
"""

from collections.abc import Mapping
from typing import Any

from ..core.catalogue import (
    ABORT_REQUESTED,
    ASSISTANT_COMPLETED,
    ASSISTANT_DELTA,
    CANCEL_REQUESTED,
    LLM_EFFECT,
    MESSAGE_RECEIVED,
    STOP_REQUESTED,
    TIMER_TICK,
    TOOL_EFFECT,
    TOOL_REQUESTED,
    TOOL_STATUS,
)
from ..core.outputs import OUTPUT_SOURCE
from ..core.signal import CONTRACT_MAJOR
from ..errors import ContractError

Raw = dict[str, Any]
Payload = Mapping[str, Any] | None

DEFAULT_INGRESS = "jido_messaging"


def message_received(conversation_id: str, message_id: str, ingress: str, payload: Payload = None) -> Raw:
    """A message of a person or program; an answer will be generated."""
    reserved = {"message_id": message_id, "ingress": ingress}
    return _raw(MESSAGE_RECEIVED, conversation_id, f"/messaging/{ingress}", payload, reserved)


def channel_message(message: Mapping[str, Any]) -> Raw:
    """A message in the words of a chat channel (`thread_id`, `body`, `author_id`, ...).

    Raises:
        ContractError: no conversation or message id in it; `field` says which.
    """
    if not isinstance(message, Mapping):
        raise ContractError("a channel message is a mapping", field="message", reason="invalid", value=message)
    conversation_id = _text(message, "conversation_id", "subject", "thread_id")
    message_id = _text(message, "message_id", "id")
    for field, value in (("conversation_id", conversation_id), ("message_id", message_id)):
        if value is None:
            raise ContractError(f"a channel message needs {field}", field=field, reason="missing")
    ingress = _text(message, "ingress", "channel", "transport") or DEFAULT_INGRESS
    metadata = message.get("metadata")
    named = {
        "content": _text(message, "content", "text", "body"),
        "role": str(message["role"]) if message.get("role") is not None else None,
        "channel": _text(message, "channel", "ingress"),
        "sender_id": _text(message, "sender_id", "author_id", "user_id"),
        "metadata": metadata if isinstance(metadata, Mapping) else {},
    }
    payload = {str(key): value for key, value in message.items()} | {k: v for k, v in named.items() if v is not None}
    return message_received(str(conversation_id), str(message_id), ingress, payload)


def abort(conversation_id: str, control_id: str, payload: Payload = None) -> Raw:
    """End everything that runs in the conversation."""
    return _control(ABORT_REQUESTED, conversation_id, control_id, payload)


def stop(conversation_id: str, control_id: str, payload: Payload = None) -> Raw:
    """As `abort`, asked for by a program."""
    return _control(STOP_REQUESTED, conversation_id, control_id, payload)


def cancel(conversation_id: str, control_id: str, payload: Payload = None) -> Raw:
    """End the effect that `payload["effect_id"]` names, or all of them."""
    return _control(CANCEL_REQUESTED, conversation_id, control_id, payload)


def tick(conversation_id: str, tick_id: str, payload: Payload = None) -> Raw:
    """Start a timer effect, which waits `payload["wait_ms"]` milliseconds."""
    return _raw(TIMER_TICK, conversation_id, "/scheduler/timer", payload, {"message_id": tick_id, "ingress": "timer"})


def tool_request(conversation_id: str, request_id: str, tool_name: str, arguments: Mapping[str, Any]) -> Raw:
    """Run a registered Python function."""
    reserved = {"message_id": request_id, "ingress": "tool", "tool_name": tool_name, "arguments": dict(arguments)}
    return _raw(TOOL_REQUESTED, conversation_id, "/tool/request", None, reserved)


def llm_lifecycle(conversation_id: str, effect_id: str, lifecycle: str, payload: Payload = None) -> Raw:
    """Where a generation stands that somebody else drives."""
    reserved = {"effect_id": effect_id, "lifecycle": lifecycle}
    return _raw(f"{LLM_EFFECT}.{lifecycle}", conversation_id, "/llm/runtime", payload, reserved)


def tool_lifecycle(conversation_id: str, effect_id: str, lifecycle: str, payload: Payload = None) -> Raw:
    """Where a tool execution stands that somebody else drives."""
    reserved = {"effect_id": effect_id, "lifecycle": lifecycle}
    return _raw(f"{TOOL_EFFECT}.{lifecycle}", conversation_id, "/tool/runtime", payload, reserved)


def output(
    conversation_id: str,
    type: str,
    output_id: str,
    channel: str,
    payload: Payload = None,
    *,
    source: str = OUTPUT_SOURCE,
) -> Raw:
    """Something for the readers of the conversation; `type` starts with `conv.out.`."""
    checks = {"conversation_id": conversation_id, "type": type, "output_id": output_id, "channel": channel}
    for field, value in checks.items():
        if not isinstance(value, str) or not value.strip():
            raise ContractError(f"{field} must be a non-blank string", field=field, reason="invalid", value=value)
    if not type.startswith("conv.out."):
        raise ContractError(f"an output's type starts with conv.out., not {type!r}", field="type", reason="invalid")
    return _raw(type, conversation_id, source, payload, {"output_id": output_id, "channel": channel})


def assistant_delta(conversation_id: str, output_id: str, channel: str, delta: str, payload: Payload = None) -> Raw:
    return output(conversation_id, ASSISTANT_DELTA, output_id, channel, {**(payload or {}), "delta": delta})


def assistant_completed(
    conversation_id: str, output_id: str, channel: str, content: str, payload: Payload = None
) -> Raw:
    return output(conversation_id, ASSISTANT_COMPLETED, output_id, channel, {**(payload or {}), "content": content})


def tool_status(conversation_id: str, output_id: str, channel: str, status: str, payload: Payload = None) -> Raw:
    return output(conversation_id, TOOL_STATUS, output_id, channel, {**(payload or {}), "status": status})


def _control(type: str, conversation_id: str, control_id: str, payload: Payload) -> Raw:
    reserved = {"message_id": control_id, "ingress": "control"}
    return _raw(type, conversation_id, "/control/user", payload, reserved)


def _raw(type: str, subject: str, source: str, payload: Payload, reserved: Mapping[str, Any]) -> Raw:
    return {
        "type": type,
        "source": source,
        "subject": subject,
        "data": {**(payload or {}), **reserved},
        "contract_major": CONTRACT_MAJOR,
    }


def _text(message: Mapping[str, Any], *keys: str) -> str | None:
    values = (message.get(key) for key in keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)
