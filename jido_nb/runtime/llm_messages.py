"""What a model is told of the conversation when a message is answered."""

from typing import Any

from ..core.catalogue import ASSISTANT_COMPLETED, LLM_COMPLETED, MESSAGE_RECEIVED
from ..core.projections.llm_context import llm_context
from ..journal.newest import newest
from ..journal.protocol import Journal


def llm_messages(
    journal: Journal, conversation_id: str, message_id: str | None, limit: int, queued: int
) -> list[dict[str, Any]]:
    """The last `limit` messages as `role` and `content`, the one that is answered last, the first one the user's.

    An answer that was more than text has `blocks` too: `provider`, and `content` as that provider gave it.

    Messages that were sent after it wait their turn and are left out; `queued` says how many those may be.
    """
    said = newest(journal, (MESSAGE_RECEIVED, ASSISTANT_COMPLETED), conversation_id, limit + queued)
    asking = next((each for each in said if each.signal.id == message_id), None)
    if asking is None and message_id:
        asking = journal.find(message_id, conversation_id)
    log = [
        recorded
        for recorded in said
        if asking is None or recorded.signal.type != MESSAGE_RECEIVED or recorded.seq < asking.seq
    ]
    whole_answers = newest(journal, (LLM_COMPLETED,), conversation_id, limit)
    messages = llm_context([*whole_answers, *log, *([asking] if asking else [])], max_messages=limit)
    first = next((index for index, message in enumerate(messages) if message.role == "user"), len(messages))
    return [dict(message.to_payload()) for message in messages[first:]]
