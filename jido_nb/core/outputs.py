"""What readers of a conversation see of an effect: `conv.out.*` signals, projected from its lifecycle.

Every ending is visible. A failed or canceled generation says so and keeps the text that had arrived.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .catalogue import (
    ASSISTANT_CANCELED,
    ASSISTANT_COMPLETED,
    ASSISTANT_DELTA,
    ASSISTANT_FAILED,
    LLM_EFFECT,
    TOOL_EFFECT,
    TOOL_STATUS,
    lifecycle_of,
)
from .directives import EmitOutput
from .signal import Signal

OUTPUT_SOURCE = "/runtime/projections"
DEFAULT_CHANNEL = "primary"

_BASE_KEYS = (
    *(("attempt", 0), ("sequence", 0)),
    *(("backend", 3), ("provider", 3), ("model", 3)),
    *(("finish_reason", 1), ("usage", 1)),
)
"""What outputs take over from a lifecycle signal, and how far it is looked for behind the payload: in its result, its
metadata, its result's metadata."""

_NOTHING: Mapping[str, Any] = {}
_UNHAPPY = {
    "failed": (ASSISTANT_FAILED, ("reason", "error_category")),
    "canceled": (ASSISTANT_CANCELED, ("reason",)),
}

_TOOL_KEYS = ("tool_name", "tool_call_id", "tool_event", "tool_status")


def outputs_of(signal: Signal, data: Mapping[str, Any]) -> list[EmitOutput]:
    """The outputs that one lifecycle signal with this payload calls for, in order; most call for one or none."""
    prefix, lifecycle = lifecycle_of(signal.type)
    if prefix == LLM_EFFECT:
        outputs = _generation(data, lifecycle)
    elif prefix == TOOL_EFFECT:
        outputs = [(TOOL_STATUS, _tool_execution(data, lifecycle))]
    else:
        return []
    id, subject = signal.id, signal.subject
    return [EmitOutput(f"{id}/out/{index}", type, subject, data, id) for index, (type, data) in enumerate(outputs)]


def _generation(data: Mapping[str, Any], lifecycle: str) -> list[tuple[str, dict[str, Any]]]:
    result = _mapping(data.get("result"))
    outputs: list[tuple[str, dict[str, Any]]] = []
    if lifecycle == "progress":
        delta = _first_text(data, ("token_delta", "delta")) or _first_text(result, ("delta", "text"))
        if delta:
            outputs.append((ASSISTANT_DELTA, _assistant(data, result, "delta", delta)))
    elif lifecycle == "completed":
        content = _first_text(data, ("content",)) or _first_text(result, ("text", "summary")) or ""
        outputs.append((ASSISTANT_COMPLETED, _assistant(data, result, "content", content)))
    elif lifecycle in _UNHAPPY:
        type, keys = _UNHAPPY[lifecycle]
        partial = _assistant(data, result, "content", _first_text(data, ("partial_text",)) or "")
        partial.update((key, data[key]) for key in keys if data.get(key) is not None)
        outputs.append((type, partial))
    if lifecycle in {"progress", "completed"}:
        found = _tool_facts(data, result)
        if found:
            outputs.append((TOOL_STATUS, _generation_tool(data, result, found)))
    return outputs


def _tool_facts(data: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    if not result and data.keys().isdisjoint(_TOOL_KEYS):
        return {}
    deeper = (result, _mapping(result.get("metadata"))) if result else ()
    found = {}
    for key in _TOOL_KEYS:
        value = data.get(key)
        if value is None and deeper:
            value = _first_of(key, deeper)
        if value is not None:
            found[key] = value
    return found


def _generation_tool(data: Mapping[str, Any], result: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    status = _first(found.pop("tool_status", None), found.get("tool_event"), data["lifecycle"])
    message = _first(data.get("tool_message"), data.get("message"), data.get("reason"), status)
    output = _base(f"tool-{found.get('tool_call_id') or data['effect_id']}", data, result)
    output.update(found, status=status, message=message)
    return output


def _tool_execution(data: Mapping[str, Any], lifecycle: str) -> dict[str, Any]:
    status = data.get("status") or lifecycle
    message = _first_text(data, ("tool_message", "message", "reason")) or status
    return {
        "output_id": f"tool-{data['effect_id']}",
        "channel": _channel(data),
        "effect_id": data["effect_id"],
        "lifecycle": lifecycle,
        "status": status,
        "message": message,
        **_present(tool_name=data.get("tool_name"), tool_call_id=data.get("tool_call_id")),
    }


def _assistant(data: Mapping[str, Any], result: Mapping[str, Any], key: str, text: str) -> dict[str, Any]:
    output = _base(f"assistant-{data['effect_id']}", data, result)
    output[key] = text
    return output


def _base(output_id: str, data: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    metadata = data.get("metadata")
    # Most signals are pieces of a stream, and hold all that is looked for at their top.
    deeper: tuple[Mapping[str, Any], ...] = ()
    if result or metadata:
        deeper = (result, _mapping(metadata), _mapping(result.get("metadata")))
    lifecycle, status = data["lifecycle"], data.get("status")
    if status is None:
        status = result.get("status")
    base = {
        "output_id": output_id,
        "channel": _channel(data),
        "effect_id": data["effect_id"],
        "lifecycle": lifecycle,
        "status": status or lifecycle,
    }
    for key, reach in _BASE_KEYS:
        value = data.get(key)
        if value is None and deeper:
            value = _first_of(key, deeper[:reach])
        if value is not None:
            base[key] = value
    if not base.get("usage", True):
        del base["usage"]
    return base


def _first_of(key: str, places: Sequence[Mapping[str, Any]]) -> Any:
    for place in places:
        value = place.get(key)
        if value is not None:
            return value
    return None


def _channel(data: Mapping[str, Any]) -> Any:
    return data.get("channel") or data.get("ingress") or DEFAULT_CHANNEL


def _mapping(value: Any) -> Mapping[str, Any]:
    # The first test alone settles nearly every call; isinstance with an abstract class is slow when it says no.
    return _NOTHING if value is None or not isinstance(value, Mapping) else value


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _first_text(place: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    # White space is text: a delta of one newline must reach the reader.
    for key in keys:
        value = place.get(key)
        if value and isinstance(value, str):
            return value
    return None
