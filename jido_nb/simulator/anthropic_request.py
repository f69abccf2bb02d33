"""Reads requests of the Anthropic Messages protocol. Pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .asked import Asked, Said
from .conversation import flat, last_text, rounds_since
from .wire import Refusal


def read_request(body: bytes) -> Asked:
    """Read a body of `POST /v1/messages`, as strictly as the real service where that shows mistakes of a client.

    Raises:
        Refusal: 400 `invalid_request_error`.
    """
    try:
        data = json.loads(body)
    except ValueError as error:
        raise _invalid(f"The request body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise _invalid("The request body is not a JSON object")
    for name in ("model", "max_tokens", "messages"):
        if name not in data:
            raise _invalid(f"{name}: Field required")
    model, limit, messages, stream = data["model"], data["max_tokens"], data["messages"], data.get("stream", False)
    if not isinstance(model, str) or not model:
        raise _invalid("model: Input should be a valid string")
    if type(limit) is not int or limit < 0:
        raise _invalid("max_tokens: Input should be a non-negative integer")
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    if not isinstance(stream, bool):
        raise _invalid("stream: Input should be a valid boolean")
    temperature = data.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 1:
        raise _invalid("temperature: range: 0..1")
    last = len(messages) - 1
    said = tuple(_said(index, message, index == last) for index, message in enumerate(messages))
    system = _flat("system", data["system"]) if data.get("system") is not None else None
    characters = sum(len(one.text) for one in said) + len(system or "")
    words = next((last_text(one["content"]) for one in reversed(messages) if _speaks(one)), "")
    tools = tuple(str(tool.get("name")) for tool in data.get("tools") or () if isinstance(tool, dict))
    return Asked(model, stream, said, system, characters, data, words, rounds_since(_steps(messages)), tools)


def _results(message: Any) -> list[Any]:
    content = message["content"]
    return [block for block in content if block["type"] == "tool_result"] if isinstance(content, list) else []


def _speaks(message: Any) -> bool:
    # What stands beside the result of a tool is not the user's: agents put reminders of their own there.
    return message["role"] == "user" and not _results(message)


def _steps(messages: Sequence[Any]) -> Iterable[tuple[str, str]]:
    for message in messages:
        if _speaks(message):
            yield "user", ""
        elif message["role"] == "assistant":
            yield "model", ""
        for result in _results(message):
            yield "result", flat(result.get("content"))


def _said(index: int, message: Any, last: bool) -> Said:
    at = f"messages.{index}"
    # In the middle of a conversation the system may speak too; Claude Code has it do so.
    roles = ("user", "assistant", "system") if index else ("user", "assistant")
    if not isinstance(message, dict) or message.get("role") not in roles:
        raise _invalid(f"{at}.role: Input should be 'user' or 'assistant'")
    role, text = message["role"], _flat(f"{at}.content", message.get("content"))
    if not text and not (last and role == "assistant"):
        raise _invalid(
            f"{at}: all messages must have non-empty content except for the optional final assistant message"
        )
    return Said(role, text)


def _flat(at: str, content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise _invalid(f"{at}: Input should be a valid string or a list of content blocks")
    parts = []
    for index, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str):
            raise _invalid(f"{at}.{index}.type: Field required")
        if kind != "text":
            name = block.get("name")
            parts.append(f"[{kind} {name}]" if isinstance(name, str) else f"[{kind}]")
        elif not isinstance(block.get("text"), str) or not block["text"]:
            raise _invalid(f"{at}.{index}: text content blocks must be non-empty")
        else:
            parts.append(block["text"])
    return "".join(parts)


def _invalid(message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", message)
