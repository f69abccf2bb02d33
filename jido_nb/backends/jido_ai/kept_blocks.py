"""An earlier answer, kept in Anthropic's form of blocks, as it may be sent back. Pure.

The services want their thinking back unchanged, but refuse a tool use that nothing answers; Anthropic also refuses an
answer that ends in thinking, and blocks of text without text (docs.anthropic.com, "Extended thinking" and "Tool use").
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...llm.request import Message

_THINKING = ("thinking", "redacted_thinking")


def own_content(message: Message, later: Sequence[Message], provider: str | None) -> str | list[dict[str, Any]]:
    """What a message says to `provider`: an answer of its own in the blocks in which it gave it.

    Args:
        later: The messages that follow it.
    """
    kept = message.blocks
    if kept is None or kept.provider != provider:
        return message.content
    return sendable(kept.content, later[0].content if later else None) or message.content


def sendable(blocks: Sequence[Mapping[str, Any]], following: Any) -> list[dict[str, Any]]:
    """The blocks of an answer that the next request can hold.

    Args:
        following: The content of the message after it; None: there is none, so that the model goes on with this one.
    """
    kept = [
        {name: value for name, value in block.items() if value is not None}  # nulls are for reading only
        for block in blocks
        if block.get("type") != "text" or str(block.get("text") or "").strip()
    ]
    if following is None:
        return kept
    answered = {*_answers(blocks), *_answers(following if isinstance(following, list) else ())}
    kept = [block for block in kept if not str(block.get("type")).endswith("tool_use") or block.get("id") in answered]
    while kept and kept[-1].get("type") in _THINKING:
        kept.pop()
    return kept


def _answers(blocks: Collection[Any]) -> list[Any]:
    return [block.get("tool_use_id") for block in blocks if isinstance(block, Mapping) and "tool_use_id" in block]
