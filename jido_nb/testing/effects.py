"""Builders for effects: a job with every part defaulted, and an LLM executor over one backend."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.policy import DEFAULT_POLICIES, EffectClass, merged_policy
from ..llm.backend import Backend
from ..llm.settings import LLMSettings
from ..llm.usage import Cost, Usage
from ..runtime.effect_job import EffectJob
from ..runtime.executors.llm import LLMExecutor, no_price
from ..runtime.pace import Pace

KINDS: Mapping[EffectClass, str] = {"llm": "generation", "tool": "execution", "timer": "wait"}


def effect_job(
    effect_class: EffectClass = "llm",
    *,
    input: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    simulate: Mapping[str, Any] | None = None,
) -> EffectJob:
    """An effect of the conversation `c1`, asked for by the signal `m1`. `policy` names parts of the class's default."""
    kind = KINDS[effect_class]
    return EffectJob(
        effect_id=f"{effect_class}-{kind}-m1",
        conversation_id="c1",
        effect_class=effect_class,
        kind=kind,
        input=input or {},
        policy=merged_policy(DEFAULT_POLICIES[effect_class], policy),
        cause_id="m1",
        simulate=simulate or {},
    )


def llm_executor(
    backend: Backend,
    *,
    messages: Sequence[Mapping[str, Any]] = ({"role": "user", "content": "hello"},),
    price: Callable[[str | None, str | None, Usage], Cost | None] = no_price,
    stream: bool = True,
    pace: Pace | None = None,
) -> LLMExecutor:
    """An executor whose settings know `backend` alone, under its name, with the model `model` of `provider`."""
    table = {"provider": "provider", "model": "model", "stream": stream}
    settings = LLMSettings.model_validate({"default_backend": backend.name, "backends": {backend.name: table}})

    async def opened(name: str) -> Backend:
        return backend

    async def context(conversation_id: str, message_id: str | None) -> Sequence[Mapping[str, Any]]:
        return messages

    return LLMExecutor(opened, settings, context, price, pace=pace)
