"""LLM effects: conversation and overrides become a request, a backend's events become a result."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ...errors import ConfigError, JidoError
from ...llm.backend import Backend
from ...llm.error import LLMError
from ...llm.event import LLMEvent
from ...llm.fold import Fold
from ...llm.overrides import Overrides, parse_overrides
from ...llm.request import LLMRequest
from ...llm.resolver import Resolved, asked_backend, resolve
from ...llm.result import LLMResult
from ...llm.settings import LLMSettings
from ...llm.usage import Cost, Usage
from ..effect_job import EffectJob
from ..pace import Pace
from ..redactor import NOTHING_SECRET, Redactor
from .base import Emit, Prepared

OpenBackend = Callable[[str], Awaitable[Backend]]
"""Name to backend, opened once and kept. Raises ConfigError or LLMError when there is none."""
Context = Callable[[str, str | None], Awaitable[Sequence[Mapping[str, Any]]]]
"""(conversation id, id of the new message) to the messages to send, `role` and `content` each, the new one last."""
Notes = Callable[[str, str], Awaitable[Sequence[Mapping[str, Any]]]]
"""(conversation id, backend) to the notes that the backend's runs have left on their sessions, latest first."""
Price = Callable[[str | None, str | None, Usage], Cost | None]
"""(provider, model, usage) to the cost; None when the price is not known."""


@dataclass(frozen=True, slots=True)
class PreparedLLM(Prepared):
    resolved: Resolved | None = None


def no_price(provider: str | None, model: str | None, usage: Usage) -> Cost | None:
    """The price of everything is unknown."""
    return None


class LLMExecutor:
    """Asks models. One attempt is one call of the backend, which is at most one call on the wire."""

    remote = True

    def __init__(
        self,
        backends: OpenBackend,
        settings: LLMSettings,
        context: Context,
        price: Price = no_price,
        notes: Notes | None = None,
        redactor: Redactor = NOTHING_SECRET,
        pace: Pace | None = None,
    ) -> None:
        self._backends = backends
        self._settings = settings
        self._context = context
        self._price = price
        self._notes = notes
        self._redactor = redactor
        self._pace = pace or Pace()

    async def prepare(self, job: EffectJob) -> PreparedLLM:
        """Resolve who answers.

        What does not exist is a refusal, under the names that were asked for.

        Raises:
            ContractError: an override has not the shape of one.
        """
        defaults = job.input.get("conversation_defaults")
        effect = parse_overrides(job.input.get("llm"))
        conversation = parse_overrides(
            defaults.get("llm") if isinstance(defaults, Mapping) else None, field="conversation_defaults.llm"
        )
        try:
            resolved = resolve(effect, conversation, self._settings)
        except ConfigError as error:
            return PreparedLLM(attribution=_asked(effect, conversation, self._settings), refusal=error)
        if job.policy.timeout_ms is not None:
            resolved = replace(resolved, timeout_ms=job.policy.timeout_ms)
        return PreparedLLM(
            attribution={
                "backend": resolved.backend,
                "provider": resolved.provider,
                "model": resolved.model,
                "stream": resolved.stream,
            },
            timeout_ms=resolved.timeout_ms,
            streaming=resolved.stream,
            resolved=resolved,
        )

    async def ready(self, prepared: PreparedLLM) -> None:
        # What cannot be opened fails the attempt, which can tell whose failure it is.
        with suppress(JidoError):
            resolved = _resolved(prepared)
            backend = await self._backends(resolved.backend)
            await backend.ready(resolved.provider)

    async def run(self, prepared: PreparedLLM, job: EffectJob, attempt: int, emit: Emit) -> dict[str, Any]:
        # It may have waited for its turn, and the key that it is going to use may be new.
        self._redactor.look_again()
        resolved = _resolved(prepared)
        backend = await self._backends(resolved.backend)
        messages = await self._context(job.conversation_id, job.cause_id)
        metadata: dict[str, Any] = {"effect_id": job.effect_id, "attempt": attempt}
        if backend.capabilities.sessions and self._notes is not None:
            metadata["sessions"] = await self._notes(job.conversation_id, resolved.backend)
        request = _request(resolved, job, attempt, messages, metadata)
        if resolved.stream and backend.capabilities.streaming:
            fold, pace, asked_at = Fold(), self._pace, 0.0
            idle_ms = job.policy.idle_timeout_ms
            with self._redactor.streaming(emit) as show:
                async with backend.stream(request) as events:
                    async for event in events:
                        fold.add(event)
                        show(event)
                        if fold.ended:
                            break
                        if pace.rest_s and event.lifecycle != "started":
                            asked_at = await pace.rest(asked_at, idle_ms)
                result = fold.result()
        else:
            result = await backend.start(request)
            if result.metadata:
                emit(LLMEvent("completed", 0, metadata=result.metadata))
        return self._payload(resolved, result)

    async def cancel(self, prepared: PreparedLLM, execution_ref: str) -> bool | Mapping[str, Any]:
        backend = await self._backends(_resolved(prepared).backend)
        if not backend.capabilities.cancellation:
            return False
        return await backend.cancel(execution_ref) or True

    def cost(self, prepared: PreparedLLM, usage: Usage, served_model: str | None) -> dict[str, Any] | None:
        resolved = _resolved(prepared)
        cost = self._cost(resolved.provider, served_model or resolved.model, usage)
        return cost.to_payload() if cost else None

    def _cost(self, provider: str | None, model: str | None, usage: Usage) -> Cost | None:
        try:
            return self._price(provider, model, usage)
        except Exception:  # a price that cannot be told must not cost the answer
            return None

    def _payload(self, resolved: Resolved, result: LLMResult) -> dict[str, Any]:
        if result.status != "completed":
            error = result.error or LLMError(
                "canceled" if result.status == "canceled" else "unknown",
                f"the backend returned a {result.status} answer",
            )
            error.usage = error.usage or result.usage
            error.partial_text = error.partial_text or result.text
            raise error
        provider, model = result.provider or resolved.provider, result.model or resolved.model
        cost = result.cost
        if cost is None and result.usage is not None:
            cost = self._cost(provider, model, result.usage)
        known = {"backend": result.backend or resolved.backend, "provider": provider, "model": model, "cost": cost}
        return result.model_copy(update=known).to_payload()


def _asked(effect: Overrides, conversation: Overrides, settings: LLMSettings) -> dict[str, Any]:
    """The attribution of what could not be resolved: the words of whoever asked, else the settings'."""
    stream = next((asked for asked in (effect.stream, conversation.stream) if asked is not None), None)
    return {
        "backend": asked_backend(effect, settings) or asked_backend(conversation, settings) or settings.default_backend,
        "provider": effect.provider or conversation.provider,
        "model": effect.model or conversation.model or settings.default_model,
        "stream": settings.default_stream if stream is None else stream,
    }


def _resolved(prepared: PreparedLLM) -> Resolved:
    if prepared.resolved is None:
        raise ConfigError("the effect was not prepared")
    return prepared.resolved


def _request(
    resolved: Resolved,
    job: EffectJob,
    attempt: int,
    messages: Sequence[Mapping[str, Any]],
    metadata: dict[str, Any],
) -> LLMRequest:
    try:
        return LLMRequest.model_validate(
            {
                "request_id": f"{job.effect_id}:{attempt}",
                "conversation_id": job.conversation_id,
                "backend": resolved.backend,
                "messages": [dict(message) for message in messages],
                "model": resolved.model,
                "provider": resolved.provider,
                "system_prompt": resolved.system_prompt,
                "stream": resolved.stream,
                "timeout_ms": resolved.timeout_ms,
                "options": resolved.options,
                "metadata": metadata,
            }
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]  # the input may hold a whole conversation
        where = ".".join(str(part) for part in first["loc"])
        raise LLMError.of("config", f"the request is not valid: {where}: {first['msg']}", field=where) from None
