"""A request as the messages, settings and tools of pydantic-ai. Pure."""

from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic_ai.messages import (
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from ...llm.error import LLMError
from ...llm.request import LLMRequest, Message
from .options import check_options, nothing_to_send

KIND = "pydantic_ai"
"""Type of the block that keeps an answer for the next turn: `response`, as pydantic-ai writes it."""
TOOLS = "tools"
# The runtime keeps the clocks and makes the attempts; headers are settings.
_NOT_OPTIONS = {"timeout", "request_timeout", "first_event_timeout", "max_retries", "extra_headers"}


def messages_of(request: LLMRequest, provider: str) -> list[ModelMessage]:
    """The conversation.

    Args:
        provider: Who is asked: earlier answers of its own go back to it as it gave them.

    Raises:
        LLMError: `config`; a block that has no counterpart, or a conversation without content.
    """
    names = dict(_tool_names(request.messages))
    told: list[ModelMessage] = []
    asked: list[ModelRequestPart] = [SystemPromptPart(request.system_prompt)] if request.system_prompt else []
    for at, message in enumerate(request.messages):
        if message.role != "assistant":
            asked += _asked(message, names)
        elif answer := _answer(message, request.messages[at + 1 :], provider):
            told += [ModelRequest(asked), answer] if asked else [answer]
            asked = []
    if asked:
        told.append(ModelRequest(asked))
    if not any(isinstance(part, UserPromptPart | ToolReturnPart) for one in told for part in one.parts):
        raise nothing_to_send()
    return told


def settings_of(request: LLMRequest, known: Collection[str], headers: Mapping[str, str]) -> ModelSettings:
    """The options, and that the SDK repeats no request, where a setting says so.

    Args:
        known: The settings that the model's class takes.

    Raises:
        LLMError: `config`; an option that it does not take, or headers where none of ours can be sent.
    """
    check_options(request.options, {TOOLS, *known} - _NOT_OPTIONS)
    given = {name: value for name, value in request.options.items() if name != TOOLS}
    if "max_retries" in known:
        given["max_retries"] = 0
    if headers and "extra_headers" not in known:
        raise LLMError.of(
            "config", "this provider sends no headers of ours; leave them out of its row", field="headers"
        )
    if headers:
        given["extra_headers"] = dict(headers)
    return cast(ModelSettings, given)


def parameters_of(request: LLMRequest) -> ModelRequestParameters:
    """The tools, given in Anthropic's form or in OpenAI's.

    Raises:
        LLMError: `config`; a tool without a name.
    """
    return ModelRequestParameters(function_tools=[_tool(tool) for tool in request.options.get(TOOLS) or ()])


def _tool(tool: Any) -> ToolDefinition:
    inner = tool.get("function", tool) if isinstance(tool, Mapping) else {}
    if not inner.get("name"):
        raise LLMError.of("config", f"a tool needs a name: {str(tool)[:100]}", field=f"options.{TOOLS}")
    schema = inner.get("input_schema") or inner.get("parameters") or {"type": "object", "properties": {}}
    about, strict = inner.get("description"), inner.get("strict")
    return ToolDefinition(name=inner["name"], parameters_json_schema=schema, description=about, strict=strict)


def _asked(message: Message, names: Mapping[Any, str]) -> Iterator[ModelRequestPart]:
    content = message.content
    if isinstance(content, str):
        if content.strip():
            yield SystemPromptPart(content) if message.role == "system" else UserPromptPart(content)
        return
    for block in content:
        if block.get("type") == "tool_result":
            id = str(block.get("tool_use_id"))
            yield ToolReturnPart(names.get(id, "tool"), block.get("content") or "", id)
    said = [_said(block) for block in content if block.get("type") != "tool_result"]
    if message.role == "system":
        yield SystemPromptPart("".join(part for part in said if isinstance(part, str)))
    elif said:
        yield UserPromptPart(said)


def _said(block: Mapping[str, Any]) -> UserContent:
    kind, source = block.get("type"), block.get("source")
    if kind == "text":
        return str(block.get("text") or "")
    if kind in ("image", "document") and isinstance(source, Mapping):
        if source.get("type") == "base64":
            return BinaryContent(b64decode(source["data"]), media_type=source["media_type"])
        if source.get("type") == "url":
            return ImageUrl(source["url"]) if kind == "image" else DocumentUrl(source["url"])
        if source.get("type") == "text":
            return str(source.get("data") or "")
    raise LLMError.of("config", f"a block of type {kind!r} cannot be sent to this provider", field="messages")


def _answer(message: Message, later: Sequence[Message], provider: str) -> ModelResponse | None:
    """An earlier answer, without calls of tools that nothing answered, which the services refuse."""
    following = later[0].content if later else ()
    answered = {block.get("tool_use_id") for block in following if isinstance(block, Mapping)}
    parts = [
        part
        for part in _parts(message, provider)
        if not isinstance(part, ToolCallPart) or part.tool_call_id in answered
    ]
    return ModelResponse(parts) if parts else None


def _parts(message: Message, provider: str) -> list[ModelResponsePart]:
    own = message.blocks
    if own is not None and own.provider == provider:
        kept = [block["response"] for block in own.content if block.get("type") == KIND]
        return [part for one in ModelMessagesTypeAdapter.validate_python(kept) for part in _response_parts(one)]
    if isinstance(message.content, str):
        return [TextPart(message.content)] if message.content.strip() else []
    parts: list[ModelResponsePart] = []
    for block in message.content:
        if block.get("type") == "text" and block.get("text"):
            parts.append(TextPart(block["text"]))
        elif block.get("type") == "tool_use":
            parts.append(ToolCallPart(str(block.get("name")), block.get("input") or {}, str(block.get("id"))))
    return parts


def _response_parts(message: ModelMessage) -> Sequence[ModelResponsePart]:
    return message.parts if isinstance(message, ModelResponse) else ()


def _tool_names(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """The names of tools by the ids of their calls."""
    for message in messages:
        for part in _parts(message, message.blocks.provider if message.blocks else ""):
            if isinstance(part, ToolCallPart):
                yield part.tool_call_id, part.tool_name
