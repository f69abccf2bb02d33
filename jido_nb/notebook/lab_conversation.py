"""A conversation as cells see it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..core.policy import EffectPolicy
from ..core.projections.llm_context import MAX_MESSAGES, ContextMessage
from ..core.projections.timeline import TimelineEntry
from ..core.signal import Recorded
from ..journal.protocol import Journal
from ..llm.result import LLMResult
from ..runtime.attachments import Attachment
from ..runtime.conversation import Conversation
from .door import Door
from .lab_turn import LabTurn


class LabConversation:
    """Everything with one subject; its methods wait interruptibly for the runtime's thread."""

    def __init__(self, door: Door, conversation: Conversation) -> None:
        self._door = door
        self._conversation = conversation

    @property
    def id(self) -> str:
        return self._conversation.id

    subject = id

    @property
    def journal(self) -> Journal:
        return self._conversation.journal

    def send(
        self,
        text: str,
        *,
        backend: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        stream: bool | None = None,
        timeout_ms: int | None = None,
        options: Mapping[str, Any] | None = None,
        effect_policy: EffectPolicy | Mapping[str, Any] | None = None,
        simulate_effect: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> LabTurn:
        """Write `text` to the journal and start the answer; returns at once with the turn, which can be displayed.

        Args:
            attachments: Content blocks (`image`, `document`, ...), or paths of images, PDF and text files.

        Raises:
            ContractError, ConfigError: an override or an attachment is not valid; nothing was written.
        """
        send = partial(
            self._conversation.send,
            text,
            backend=backend,
            provider=provider,
            model=model,
            system_prompt=system_prompt,
            stream=stream,
            timeout_ms=timeout_ms,
            options=options,
            effect_policy=effect_policy,
            simulate_effect=simulate_effect,
            attachments=attachments,
        )
        return LabTurn(self._door, self._door.call(send))

    def ask(self, text: str, *, timeout: float | None = None, **overrides: Any) -> LLMResult:
        """`send` and wait for the result, at most `timeout` seconds."""
        return self.send(text, **overrides).result(timeout)

    def abort(self, reason: str = "user_abort") -> None:
        """Cancel all that runs or waits here."""
        self._door.call(self._conversation.abort, reason)

    def timeline(self) -> list[TimelineEntry]:
        """What was said, in order."""
        return self._door.call(self._conversation.timeline)

    def context(self, max_messages: int = MAX_MESSAGES) -> list[ContextMessage]:
        """The last messages, as a model would be told them."""
        return self._door.call(self._conversation.context, max_messages)

    def events(self, types: str | list[str] | None = None) -> list[Recorded]:
        """Every signal of the conversation, in journal order."""
        return self._door.call(self._conversation.events, types)

    def __repr__(self) -> str:
        return repr(self._conversation)
