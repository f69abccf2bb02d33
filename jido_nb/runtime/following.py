"""Sends a message and follows its answer from the first signal on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.reducer import effect_id_of
from ..core.signal import Recorded
from ..errors import ContractError
from .effects import Effects
from .turn import Turn

if TYPE_CHECKING:
    from .conversation import Conversation

TYPES = "conv.effect.llm.**"


async def send_and_follow(effects: Effects, conversation: "Conversation", raw: Mapping[str, Any]) -> Turn:
    """Write a message and follow its answer. A message that was sent before gives the turn it has.

    Raises:
        ContractError: it is not valid, or its id is that of a signal that is no message; nothing was written.
    """
    runtime, subject = conversation.runtime, conversation.id
    turn = Turn(conversation, f"llm-generation-{raw['id']}", str(raw["data"].get("content") or ""))
    heard: list[Recorded] = []
    unsubscribe = runtime.bus.subscribe(TYPES, heard.append, subject=subject)
    unwatch = effects.watch(subject, turn.effect_id, turn.settle)
    try:
        receipt = await runtime.ingest(raw)
        # As it was written, which may be without a secret.
        turn.view.prompt = str(receipt.signal.data.get("content") or "")
        before: list[Recorded] = []
        if receipt.status == "duplicate":
            if effect_id_of(receipt.signal) != turn.effect_id:
                message = f"{raw['id']!r} is the id of a signal that is no message"
                raise ContractError(message, field="message_id", reason="invalid", value=raw["id"])
            before = await runtime.events(subject=subject, types=TYPES)
    except BaseException:
        unwatch()
        raise
    finally:
        unsubscribe()
    # No await from here on, so that nothing is missed; what is heard twice, the turn takes in once.
    for recorded in sorted((*before, *heard), key=lambda recorded: recorded.seq):
        turn.apply(recorded)
    if not turn.view.done:
        turn.subscribed(runtime.bus.subscribe(TYPES, turn.apply, subject=subject))
    elif not effects.is_active(subject, turn.effect_id):
        unwatch()
        turn.settle()
    return turn
