"""A conversation: who is asked by default, and what may be said, ended and read in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from ..core.budget import Budget, parse_budget
from ..core.policy import EffectPolicy
from ..core.projections.llm_context import CONTEXT_TYPES, MAX_MESSAGES, ContextMessage, llm_context
from ..core.projections.timeline import TIMELINE_TYPES, TimelineEntry, timeline
from ..core.reducer import effect_id_of
from ..core.signal import Recorded
from ..core.subject import project_subject
from ..errors import ContractError, printable
from ..journal.protocol import Journal
from ..llm.overrides import Overrides, parse_overrides
from . import adapters
from .attachments import Attachment, blocks_of
from .effect_job import BY_CODE
from .tracing import sender
from .turn import Turn

if TYPE_CHECKING:
    from .runtime import Runtime


class Conversation:
    """All signals with one subject. Cheap to make; it holds no state but its defaults."""

    def __init__(
        self,
        runtime: "Runtime",
        conversation_id: str,
        *,
        project_id: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
    ) -> None:
        """Args:
        defaults: What its requests use unless a message says otherwise; the keys of `Overrides`.
        budget: What all its generations together may spend.
        """
        self.runtime = runtime
        self.project_id = project_id
        self.id = conversation_id if project_id is None else project_subject(project_id, conversation_id)
        runtime.redactor.look_again()
        with runtime.redactor.refusing():
            self.defaults = _overrides(defaults or {}, "conversation_defaults.llm", runtime)
            self.budget = parse_budget(budget, field="conversation_defaults.budget")

    @property
    def subject(self) -> str:
        return self.id

    @property
    def journal(self) -> Journal:
        return self.runtime.journal

    async def send(
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
        message_id: str | None = None,
        ingress: str = "notebook",
    ) -> Turn:
        """Write `text` to the journal and start the answer.

        The message is durable before any model is called, so a crash never loses the question. While an earlier answer
        of the conversation is on its way, this one waits its turn.

        Args:
            timeout_ms: Limit of one attempt, in milliseconds. None: the conversation's, then the settings'.
            attachments: Content blocks (`image`, `document`, ...), or paths of images, PDF and text files.
            message_id: The message's id, for a sender that may send twice. None: a new one.

        Raises:
            ContractError: it says nothing, or an override is not valid; nothing was written.
            ConfigError: an attachment cannot be read; nothing was written.
            JournalError: it could not be written.
        """
        asked = {
            "backend": backend,
            "provider": provider,
            "model": model,
            "system_prompt": system_prompt,
            "stream": stream,
            "timeout_ms": timeout_ms,
            "options": options,
        }
        if not isinstance(text, str) or not (text.strip() or attachments):
            wrong = "empty" if isinstance(text, str) else "invalid"
            raise ContractError(
                f"a message must say something, not {text!r}", field="content", reason=wrong, value=text
            )
        payload: dict[str, Any] = {"content": text}
        with self.runtime.redactor.refusing():
            overrides = _overrides(asked, "llm", self.runtime)
            if attachments:
                payload["attachments"] = await to_thread.run_sync(blocks_of, attachments)
        if given := overrides.to_payload():
            payload["llm"] = given
        defaults = {"llm": self.defaults.to_payload(), "budget": self.budget.model_dump(exclude_none=True)}
        if any(defaults.values()):
            payload["conversation_defaults"] = {name: given for name, given in defaults.items() if given}
        if isinstance(effect_policy, EffectPolicy):
            effect_policy = effect_policy.model_dump(exclude_unset=True)
        if effect_policy:
            payload["effect_policy"] = effect_policy
        if simulate_effect:
            payload["simulate_effect"] = simulate_effect
        signal_id = message_id or self.runtime.new_id()
        raw = adapters.message_received(self.id, signal_id, ingress, payload)
        return await self.runtime.start_turn(
            self, {**raw, "id": signal_id, **self._project(), **sender(self.runtime.settings)}
        )

    async def call_tool(self, tool_name: str, arguments: Mapping[str, Any] | None = None) -> str:
        """Start a registered Python function as an effect of this conversation; returns the effect's id."""
        raw = adapters.tool_request(self.id, self.runtime.new_id(), tool_name, arguments or {})
        receipt = await self.runtime.ingest({**raw, **self._project()})
        return str(effect_id_of(receipt.signal))

    async def abort(self, reason: str = "user_abort", *, requested_by: str | None = None) -> None:
        """Cancel all that runs or waits in the conversation; returns when the wish is durable."""
        payload = {"reason": reason, "requested_by": requested_by or BY_CODE}
        await self.runtime.cancel({**adapters.abort(self.id, self.runtime.new_id(), payload), **self._project()})

    async def request_cancel(self, reason: str, *, effect_id: str, requested_by: str | None = None) -> str:
        """Ask for the end of one effect; returns the id of the wish, when it is durable."""
        payload = {"reason": reason, "effect_id": effect_id, "requested_by": requested_by or BY_CODE}
        id = self.runtime.new_id()
        await self.runtime.cancel({**adapters.cancel(self.id, id, payload), "id": id, **self._project()})
        return id

    async def timeline(self, *, coalesce_deltas: bool = True) -> list[TimelineEntry]:
        """What was said, in order."""
        log = await self.runtime.events(types=TIMELINE_TYPES, subject=self.id)
        return timeline(log, coalesce_deltas=coalesce_deltas)

    async def context(self, max_messages: int = MAX_MESSAGES, *, include_partial: bool = False) -> list[ContextMessage]:
        """The last messages, as a model would be told them."""
        log = await self.runtime.events(types=CONTEXT_TYPES, subject=self.id)
        return llm_context(log, max_messages=max_messages, include_partial=include_partial)

    async def events(self, types: str | list[str] | None = None) -> list[Recorded]:
        """Every signal of the conversation, in journal order."""
        return await self.runtime.events(types=types, subject=self.id)

    def __repr__(self) -> str:
        asked = ", ".join(f"{name}={value!r}" for name, value in self.defaults.to_payload().items())
        told = f"<Conversation {self.id}{' ' + asked if asked else ''}>"
        return printable(self.runtime.redactor.words(told))

    def _project(self) -> dict[str, str]:
        return {} if self.project_id is None else {"project_id": self.project_id}


def _overrides(raw: Mapping[str, Any], field: str, runtime: "Runtime") -> Overrides:
    given = {name: value for name, value in raw.items() if value is not None}
    return parse_overrides(given, field=field, backends=runtime.settings.llm.backends)
