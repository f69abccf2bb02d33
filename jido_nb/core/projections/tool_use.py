"""A tool call of a turn, and how calls gather from what is reported of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call as far as it is known.

    `status`: pending, running, completed, failed, denied or requested; canceled where its turn was, before it ended.
    """

    id: str
    name: str
    status: str
    input: Any = None
    output: Any = None


ToolUses = tuple[ToolUse, ...]


def with_report(tools: ToolUses, data: Mapping[str, Any]) -> ToolUses:
    """`tools` after a progress signal with payload `data`: the call it tells of is new, or known and now further."""
    key = str(data.get("tool_call_id") or data.get("tool_name"))
    known = next((tool for tool in tools if tool.id == key), None)
    tool = ToolUse(
        id=key,
        name=str(data.get("tool_name") or (known.name if known else "tool")),
        status=str(data.get("tool_status") or "running"),
        input=data.get("tool_input", known.input if known else None),
        output=data.get("tool_output", known.output if known else None),
    )
    return (*(tool if old.id == key else old for old in tools), *(() if known else (tool,)))


OPEN = frozenset({"pending", "running"})


def with_ending(tools: ToolUses, ending: str) -> ToolUses:
    """`tools` after their attempt has failed or was canceled (`ending`): what had not ended, ends with it."""
    return tuple(replace(tool, status=ending) if tool.status in OPEN else tool for tool in tools)


def with_requests(tools: ToolUses, calls: Iterable[Mapping[str, Any]]) -> ToolUses:
    """`tools` and those of a result's `tool_calls` that nothing was reported of."""
    known = {tool.id for tool in tools}
    return tools + tuple(
        ToolUse(str(call.get("id")), str(call.get("name")), "requested", call.get("arguments"))
        for call in calls
        if str(call.get("id")) not in known
    )
