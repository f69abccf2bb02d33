"""The items of a Codex turn that are tools. `exec` writes their names `like_this`, the app server `likeThis`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....llm.result import ToolStatus

_STATUS: Mapping[str, ToolStatus] = {
    "inprogress": "running",
    "completed": "completed",
    "failed": "failed",
    "declined": "denied",
}
# Kind of item -> its name as a tool, and which of its values are what it was asked.
_TOOLS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "command_execution": ("shell", ("command", "cwd")),
    "file_change": ("file_change", ("changes",)),
    "mcp_tool_call": ("mcp", ("arguments",)),
    "dynamic_tool_call": ("tool", ("arguments",)),
    "collab_tool_call": ("agent", ("prompt", "model")),
    "collab_agent_tool_call": ("agent", ("prompt", "model")),
    "web_search": ("web_search", ("query", "action")),
    "image_view": ("image_view", ("path",)),
    "image_generation": ("image_generation", ("revisedPrompt",)),
}


@dataclass(frozen=True, slots=True)
class ToolItem:
    """An item as a tool: what `BaseDecoder.tool` takes."""

    id: str
    name: str
    status: ToolStatus
    arguments: Any
    output: Any


def kind_of(item: Mapping[str, Any]) -> str:
    """`agent_message`, whichever way it is written."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(item["type"])).lower()


def tool_of(item: Mapping[str, Any], *, ended: bool) -> ToolItem | None:
    """The tool that an item tells of; None when it is none.

    Args:
        ended: The record says that the item is complete; an item's own status is more exact, where it has one.
    """
    kind = kind_of(item)
    if kind not in _TOOLS:
        return None
    name, asked = _TOOLS[kind]
    if kind == "mcp_tool_call":
        name = f"{item.get('server')}.{item.get('tool')}"
    elif item.get("tool"):
        name = str(item["tool"])
    arguments = {key: item[key] for key in asked if item.get(key) is not None}
    if list(arguments) == ["arguments"]:
        arguments = arguments["arguments"]
    said = str(item.get("status") or "").replace("_", "").lower()
    status = _STATUS.get(said, "completed" if ended else "running")
    return ToolItem(str(item["id"]), name, status, arguments or None, _output(item) if ended else None)


def _output(item: Mapping[str, Any]) -> Any:
    for key in ("aggregated_output", "aggregatedOutput", "error", "result", "contentItems", "results"):
        if item.get(key):
            return item[key]
    code = item.get("exit_code", item.get("exitCode"))
    return f"exit code {code}" if code else None
