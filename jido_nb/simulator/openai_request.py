"""Reads requests of the OpenAI chat completions protocol. Pure."""

from typing import Any

from .asked import Asked, Said
from .conversation import flat, last_text, rounds_since
from .openai_body import invalid, read_body

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_WHO = {"user": "user", "assistant": "model", "tool": "result", "function": "result"}


def read_request(body: bytes) -> Asked:
    """Read a body of `POST /v1/chat/completions`, as strict as the real service where that shows a client's mistakes.

    Raises:
        Refusal: 400 `invalid_request_error`.
    """
    data, model, stream = read_body(body, "you must provide a model parameter")
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("Invalid 'messages': expected an array with at least one message.")
    if data.get("stream_options") is not None and not stream:
        raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    temperature = data.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise invalid("Invalid 'temperature': expected a number from 0 to 2.")
    said = tuple(_said(index, message) for index, message in enumerate(messages))
    system = "\n\n".join(one.text for one in said if one.role in ("system", "developer")) or None
    talk = tuple(one for one in said if one.role not in ("system", "developer"))
    words = next((last_text(one["content"]) for one in reversed(messages) if one["role"] == "user"), "")
    rounds = rounds_since((_WHO.get(one["role"], ""), flat(one.get("content"))) for one in messages)
    tools = tuple(_name(tool) for tool in data.get("tools") or ())
    return Asked(model, stream, talk, system, sum(len(one.text) for one in said), data, words, rounds, tools)


def _said(index: int, message: Any) -> Said:
    at = f"messages[{index}]"
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        raise invalid(f"Invalid value for '{at}.role': expected one of {', '.join(ROLES)}.")
    content = message.get("content")
    calls = [f"[tool_call {_name(call)}]" for call in message.get("tool_calls") or ()]
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise invalid(f"Missing parameter '{at}.tool_call_id': messages with role 'tool' must have one.")
    if content is None and not (role == "assistant" and calls):
        raise invalid(f"Invalid value for '{at}.content': expected a string, got null.")
    return Said(role, "".join([_flat(at, content), *calls]))


def _flat(at: str, content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not content:
        raise invalid(f"Invalid type for '{at}.content': expected a string or an array of parts.")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise invalid(f"Missing parameter '{at}.content.type'.")
        texts.append(str(part.get("text", "")) if kind == "text" else f"[{kind}]")
    return "".join(texts)


def _name(call: Any) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    return str(function.get("name")) if isinstance(function, dict) else "?"
