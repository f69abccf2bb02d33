"""Messages to the one text that an agent is told.

An agent keeps its own conversation, so it is told only what it does not know: in a resumed session the new messages, in
a new one the whole conversation, with the earlier messages under the names of those who said them.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from ...llm.error import LLMError
from ...llm.request import Message

_NAMES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def prompt_of(messages: Sequence[Message]) -> str:
    """One message: its text as it is. Several: `Role:` and text each, the new one last.

    Raises:
        LLMError: `config`: there is nothing to say.
    """
    parts = [(message.role, text) for message in messages if (text := message_text(message)).strip()]
    if not parts:
        raise LLMError.of("config", "there is nothing to ask the agent: the message is empty", field="messages")
    if len(parts) == 1:
        return parts[0][1]
    return "\n\n".join(f"{_NAMES[role]}:\n{text.strip()}" for role, text in parts)


def message_text(message: Message) -> str:
    """The text of a message: blocks of text joined, other blocks as JSON where they hold words, images left out."""
    if isinstance(message.content, str):
        return message.content
    return "".join(_block_text(block) for block in message.content)


def fingerprint(role: str, text: str) -> str:
    """What tells one message of a conversation from another."""
    return blake2b(f"{role}\n{text.strip()}".encode(), digest_size=12).hexdigest()


def _block_text(block: dict[str, Any]) -> str:
    if isinstance(block.get("text"), str):
        return str(block["text"])
    if block.get("type") in ("image", "document"):
        raise LLMError.of("config", f"agents take no {block['type']} blocks; name a file instead", field="messages")
    return json.dumps(block, ensure_ascii=False)
