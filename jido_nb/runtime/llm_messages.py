"""What a model is told of the conversation when a message is answered."""

from typing import Any

from ..core.catalogue import ASSISTANT_COMPLETED, MESSAGE_RECEIVED
from ..core.projections.llm_context import LLM_COMPLETED, llm_context
from ..journal.protocol import Journal


def llm_messages(
    journal: Journal, conversation_id: str, message_id: str | None, limit: int, queued: int
) -> list[dict[str, Any]]:
    """The last `limit` messages as `role` and `content`, the one that is answered last, the first one the user's.

    An answer that was more than text has `blocks` too: `provider`, and `content` as that provider gave it.

    Messages that were sent after it wait their turn and are left out; `queued` says how many those may be.
    """
    newest = journal.read(
        types=(MESSAGE_RECEIVED, ASSISTANT_COMPLETED), subject=conversation_id, limit=limit + queued, newest_first=True
    )
    asking = journal.find(message_id, conversation_id) if message_id else None
    log = [
        recorded
        for recorded in newest
        if asking is None or recorded.signal.type != MESSAGE_RECEIVED or recorded.seq < asking.seq
    ]
    answers = journal.read(types=LLM_COMPLETED, subject=conversation_id, limit=limit, newest_first=True)
    messages = llm_context([*answers, *reversed(log), *([asking] if asking else [])], max_messages=limit)
    first = next((index for index, message in enumerate(messages) if message.role == "user"), len(messages))
    return [dict(message.to_payload()) for message in messages[first:]]
