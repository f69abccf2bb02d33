"""Reads requests of the OpenAI Responses protocol. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from .asked import Asked, Said
from .conversation import flat, last_text, rounds_since
from .openai_body import invalid, read_body

ROLES = ("system", "developer", "user", "assistant")
_INSTRUCTIONS = ("system", "developer")


def read_request(body: bytes) -> Asked:
    """Read a body of `POST /v1/responses`, as strict as the real service where that shows a client's mistakes.

    Raises:
        Refusal: 400 `invalid_request_error`.
    """
    data, model, stream = read_body(body, "Missing required parameter: 'model'.")
    given = data.get("input")
    if not isinstance(given, str | list) or not given:
        raise invalid("Missing required parameter: 'input': expected a string or an array of items.")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    said = [_said(index, item) for index, item in enumerate(items)]
    instructions = data.get("instructions")
    told = [instructions] if isinstance(instructions, str) and instructions else []
    told += [one.text for one in said if one.role in _INSTRUCTIONS]
    characters = sum(len(one.text) for one in said) + len(instructions or "")
    talk = tuple(one for one in said if one.role not in _INSTRUCTIONS)
    words = next((last_text(item["content"]) for item in reversed(items) if item.get("role") == "user"), "")
    rounds = rounds_since(_steps(items))
    tools = tuple(_tool_names(data.get("tools") or ()))
    return Asked(model, stream, talk, "\n\n".join(told) or None, characters, data, words, rounds, tools)


def _steps(items: Sequence[Any]) -> Iterable[tuple[str, str]]:
    for item in items:
        if item.get("role") == "user":
            yield "user", ""
        elif str(item.get("type", "")).endswith("_output"):
            yield "result", flat(item.get("output"))
        elif item.get("role") is None:
            yield "model", ""


def _said(index: int, item: Any) -> Said:
    at = f"input[{index}]"
    if not isinstance(item, dict):
        raise invalid(f"Invalid type for '{at}': expected an object.")
    kind = item.get("type", "message")
    if kind == "message":
        role = item.get("role")
        if role not in ROLES:
            raise invalid(f"Invalid value for '{at}.role': expected one of {', '.join(ROLES)}.")
        if not isinstance(item.get("content"), str | list):
            raise invalid(f"Missing required parameter: '{at}.content'.")
        return Said(role, flat(item["content"]))
    if not isinstance(kind, str):
        raise invalid(f"Invalid type for '{at}.type': expected a string.")
    if kind.endswith("_output"):
        if not isinstance(item.get("call_id"), str):
            raise invalid(f"Missing required parameter: '{at}.call_id'.")
        return Said("tool", flat(item.get("output")))
    name = item.get("name")
    return Said("assistant", f"[{kind} {name}]" if isinstance(name, str) else f"[{kind}]")


def _tool_names(tools: Sequence[Any]) -> Iterable[str]:
    for tool in tools:
        if isinstance(tool, dict):
            yield str(tool.get("name") or tool.get("type"))
