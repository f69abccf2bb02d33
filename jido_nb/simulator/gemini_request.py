"""Reads requests of the Gemini protocol. Pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .asked import Asked, Said
from .conversation import last_text, rounds_since
from .wire import Refusal

_ROLES = {"user": "user", "model": "assistant", "function": "user"}


def read_request(body: bytes, model: str, stream: bool) -> Asked:
    """Read a body of `POST /v1beta/models/<model>:generateContent`, which names neither the model nor the mode.

    Raises:
        Refusal: 400 `INVALID_ARGUMENT`.
    """
    try:
        data = json.loads(body)
    except ValueError:
        raise _invalid("Invalid JSON payload received.") from None
    contents = data.get("contents") if isinstance(data, dict) else None
    if not isinstance(contents, list) or not contents:
        raise _invalid("* GenerateContentRequest.contents: contents is not specified")
    said = tuple(_said(index, content) for index, content in enumerate(contents))
    told = data.get("systemInstruction")
    system = _flat(told.get("parts") or ()) if isinstance(told, dict) else None
    words = next((last_text(one["parts"]) for one in reversed(contents) if _speaks(one)), "")
    rounds = rounds_since(_steps(contents))
    characters = sum(len(one.text) for one in said) + len(system or "")
    return Asked(model, stream, said, system or None, characters, data, words, rounds, tuple(_tools(data)))


def _said(index: int, content: Any) -> Said:
    at = f"contents[{index}]"
    role = content.get("role", "user") if isinstance(content, dict) else None
    if role not in _ROLES:
        raise _invalid(f"* {at}.role: Please use a valid role: user, model.")
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise _invalid(f"* {at}.parts: contents.parts must not be empty.")
    return Said(_ROLES[role], _flat(parts))


def _flat(parts: Sequence[Any]) -> str:
    known = (part for part in parts if isinstance(part, dict))
    return "".join(str(part["text"]) if "text" in part else f"[{next(iter(part), '')}]" for part in known)


def _answers(content: Any) -> list[str]:
    """What tools have answered in this message."""
    answers = (part["functionResponse"] for part in content["parts"] if "functionResponse" in part)
    responses = (answer.get("response") if isinstance(answer, dict) else answer for answer in answers)
    return [_output(response) for response in responses]


def _output(response: Any) -> str:
    output = response.get("output") if isinstance(response, dict) else response
    return output if isinstance(output, str) else json.dumps(response, ensure_ascii=False)


def _speaks(content: Any) -> bool:
    return content.get("role", "user") == "user" and not _answers(content)


def _steps(contents: Sequence[Any]) -> Iterable[tuple[str, str]]:
    for content in contents:
        if _speaks(content):
            yield "user", ""
        elif content.get("role") == "model":
            yield "model", ""
        for answer in _answers(content):
            yield "result", answer


def _tools(data: Any) -> Iterable[str]:
    for tool in data.get("tools") or ():
        for declared in tool.get("functionDeclarations") or () if isinstance(tool, dict) else ():
            yield str(declared.get("name"))


def _invalid(message: str) -> Refusal:
    return Refusal(400, "INVALID_ARGUMENT", message)
