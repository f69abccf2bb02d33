"""A request in the words of OpenAI's chat completions. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ...llm.request import LLMRequest, Message
from .kept_blocks import own_content
from .openai_reasoning import KIND, details_in
from .options import check_options, nothing_to_send

# Every field of a request that is not the request's own (platform.openai.com, "Create chat completion"), but for `n`:
# a request has one answer.
OPTIONS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
EXTRA_BODY = "extra_body"


def encode(
    request: LLMRequest, model: str, *, provider: str | None = None, extra_options: Collection[str] = ()
) -> dict[str, Any]:
    """The JSON body of `POST <base_url>/chat/completions`.

    The option `extra_body` is an object whose fields are sent as they are: for what a server takes that no table knows.
    A stream asks for its usage; `stream_options: None` leaves that out, for servers that refuse to be asked.

    Args:
        provider: Who is asked: earlier answers of its own go back to it as it gave them.

    Raises:
        LLMError: `config`; an option that is not known, or a conversation without content.
    """
    options = request.options
    check_options(options, OPTIONS | {EXTRA_BODY, *extra_options})
    said = request.messages
    messages = [
        part
        for at, message in enumerate(said)
        for part in _messages(message, own_content(message, said[at + 1 :], provider))
    ]
    if all(message["role"] == "system" for message in messages):
        raise nothing_to_send()
    if request.system_prompt:
        messages.insert(0, {"role": "system", "content": request.system_prompt})
    body: dict[str, Any] = {"model": model, "messages": messages}
    if request.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body.update({name: value for name, value in options.items() if name not in (EXTRA_BODY, "stream_options")})
    if "stream_options" in options:
        body.pop("stream_options", None)
        if request.stream and options["stream_options"] is not None:
            body["stream_options"] = options["stream_options"]
    body.update(options.get(EXTRA_BODY) or {})
    return body


def _messages(message: Message, content: str | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One message of ours as none, one, or several of theirs: each result of a tool is a message of its own."""
    if isinstance(content, str):
        # What a tool said without being asked to by the model has no call that it could answer.
        role = "user" if message.role == "tool" else message.role
        return [{"role": role, "content": content}] if content.strip() else []
    results = [_tool_result(block) for block in content if block.get("type") == "tool_result"]
    calls = [_tool_call(block) for block in content if block.get("type") == "tool_use"]
    parts = [part for block in content if (part := _part(block)) is not None]
    said: dict[str, Any] = {"role": "user" if message.role == "tool" else message.role}
    if all(part.get("type") == "text" for part in parts):
        said["content"] = "".join(part["text"] for part in parts) or None
    else:
        said["content"] = parts
    if calls:
        said["tool_calls"] = calls
    if details := details_in(content):
        said[KIND] = details
    return [*results, said] if said["content"] or calls else results


def _part(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """A block that says something; None for those that have a place of their own, or none here."""
    kind, source = block.get("type"), block.get("source")
    if kind in ("tool_use", "tool_result", "thinking", "redacted_thinking", KIND):
        return None
    if kind == "text":
        return {"type": "text", "text": str(block.get("text") or "")}
    if not isinstance(source, Mapping):
        return dict(block)
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _url(source)}}
    if kind == "document" and source.get("type") == "text":
        return {"type": "text", "text": str(source.get("data") or "")}
    if kind == "document":
        return {"type": "file", "file": {"filename": block.get("title") or "document.pdf", "file_data": _url(source)}}
    return dict(block)


def _url(source: Mapping[str, Any]) -> str:
    if source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    return str(source.get("url"))


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = block.get("input", {})
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {"id": block.get("id"), "type": "function", "function": {"name": block.get("name"), "arguments": text}}


def _tool_result(block: Mapping[str, Any]) -> dict[str, Any]:
    content = block.get("content") or ""
    if isinstance(content, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text") or "") for part in content)
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": text}
