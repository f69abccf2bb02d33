"""What the model is told of the conversation so far: the last messages, oldest first.

Answers that failed or were canceled are not part of it, unless `include_partial` asks for them: a model that reads
half a sentence as its own words tends to go on with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalogue import (
    ASSISTANT_CANCELED,
    ASSISTANT_COMPLETED,
    ASSISTANT_FAILED,
    LLM_COMPLETED,
    MESSAGE_RECEIVED,
    TOOL_STATUS,
)
from ..signal import Recorded
from .timeline import TimelineEntry, timeline

MAX_MESSAGES = 40

CONTEXT_TYPES = (MESSAGE_RECEIVED, ASSISTANT_COMPLETED, ASSISTANT_FAILED, ASSISTANT_CANCELED, TOOL_STATUS)


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """One message for the model, and the signal it comes from."""

    role: str
    content: str
    event_id: str
    blocks: Mapping[str, Any] | None = None
    """An answer as its provider gave it, thinking and signatures included: `provider` and `content`, a list."""
    attachments: Sequence[Mapping[str, Any]] = ()
    """Content blocks that came with a message: images, documents."""

    def to_payload(self) -> Mapping[str, Any]:
        said: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.attachments:
            said["content"] = [*self.attachments, {"type": "text", "text": self.content}]
        return said if self.blocks is None else {**said, "blocks": self.blocks}


def llm_context(
    log: Iterable[Recorded],
    *,
    max_messages: int | None = MAX_MESSAGES,
    include_deltas: bool = False,
    include_partial: bool = False,
    include_tool_status: bool = True,
) -> list[ContextMessage]:
    """The last `max_messages` messages of one conversation; None or a number below 1 means all.

    An answer stands behind its question, also where the next question was written before the answer came. If the log
    holds the `LLM_COMPLETED` signals too, an answer carries the blocks in which its provider gave it.
    """
    log = list(log)
    blocks = _provider_blocks(log)
    attached = {each.signal.id: each.signal.data.get("attachments") or () for each in log}
    kinds = {"message"}
    kinds |= {"delta"} if include_deltas else set()
    kinds |= {"failed", "canceled"} if include_partial else set()
    kinds |= {"status"} if include_tool_status else set()
    messages = [
        ContextMessage(
            entry.role, entry.content, entry.event_id, blocks.get(_answer_of(entry)), attached.get(entry.event_id, ())
        )
        for entry in timeline(_answers_behind_questions(log))
        if entry.kind in kinds and entry.content
    ]
    return messages if max_messages is None or max_messages < 1 else messages[-max_messages:]


def _answer_of(entry: TimelineEntry) -> str | None:
    """The effect whose whole answer the entry is."""
    return str(entry.metadata.get("effect_id")) if (entry.role, entry.kind) == ("assistant", "message") else None


def _provider_blocks(log: Iterable[Recorded]) -> dict[str | None, Mapping[str, Any]]:
    """By effect; only of answers that are more than their text, which is all that the other signals keep."""
    blocks: dict[str | None, Mapping[str, Any]] = {}
    for recorded in log:
        if recorded.signal.type != LLM_COMPLETED:
            continue
        result = recorded.signal.data.get("result") or {}
        content = (result.get("metadata") or {}).get("content")
        if result.get("provider") and isinstance(content, list) and content:
            blocks[str(recorded.signal.data["effect_id"])] = {"provider": result["provider"], "content": content}
    return blocks


def _answers_behind_questions(log: Sequence[Recorded]) -> list[Recorded]:
    asked = {f"llm-generation-{each.signal.id}": each.seq for each in log if each.signal.type == MESSAGE_RECEIVED}
    return sorted(log, key=lambda each: (asked.get(str(each.signal.data.get("effect_id")), each.seq), each.seq))
