"""From the lifecycle signals of a log to effects and their attempts.

Rule 1: an attempt begins with `started` or `retry_attempt_started` and ends with `retrying` or with the effect's end,
        so one row is one request on the wire. An effect that was canceled before it began has no attempt.
Rule 2: an effect that ends while it waits for its next attempt leaves the last attempt as it was: `retried`.
Rule 3: the same effect id in two conversations is two effects; what follows an ending changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping

from .attempts import Attempt, Effect, Outcome
from .chunks import arrivals_of
from .told import Payload, Told
from .values import as_float, as_int, as_mapping, as_text

_ENDINGS: Mapping[str, Outcome] = {"completed": "completed", "failed": "failed", "canceled": "canceled"}


def fold_effects(log: Iterable[Told], turns: Mapping[tuple[str, str], int] | None = None) -> Iterator[Effect]:
    """Each effect as soon as it has ended, then those that still run. Only open effects are kept in memory.

    `turns` says which turn an effect, given as (conversation, effect id), belongs to.
    """
    running: dict[tuple[str, str], Effect] = {}
    ended: set[tuple[str, str]] = set()
    turns = turns or {}
    for told in log:
        key = (told.subject, told.payload.effect_id)
        effect = running.get(key)
        if effect is None:
            if key in ended:
                continue
            effect = running[key] = effect_of(told)
            effect.turn = turns.get(key)
        apply(effect, told)
        if told.payload.lifecycle != "progress" and effect.status != "running":
            ended.add(key)
            del running[key]
            yield effect
    yield from running.values()


def effect_of(told: Told) -> Effect:
    """The effect that a signal is the first to tell of; `apply` takes the signal in."""
    payload = told.payload
    # What is canceled or found by recovery before it began has attempt 0, and says so with its first signal.
    whole = payload.lifecycle == "started" or (payload.lifecycle != "progress" and not payload.attempt)
    return Effect(
        *(told.subject, payload.effect_id, told.seq, told.type, told.time_us if whole else None),
        cause_id=told.cause_id,
    )


def apply(effect: Effect, told: Told) -> None:
    """Take one lifecycle signal of `effect` in."""
    payload = told.payload
    lifecycle = payload.lifecycle or ""
    # Progress is most of a log and says nothing of this that its effect's start has not said.
    if lifecycle != "progress" or not effect.attempts:
        _learn(effect, payload)
    if lifecycle == "progress":
        _progress(effect, told)
    elif lifecycle == "started":
        effect.started_us = told.time_us
        effect.max_attempts = payload.max_attempts
        effect.timeout_ms = payload.timeout_ms
        _begin(effect, told)
    elif (ending := _ENDINGS.get(lifecycle)) is not None:
        _end(effect, told, ending)


def _learn(effect: Effect, payload: Payload) -> None:
    effect.effect_class = effect.effect_class or payload.effect_class
    effect.kind = effect.kind or payload.kind
    effect.stream = payload.stream if effect.stream is None else effect.stream
    _attribute(effect, payload.backend, payload.provider, payload.model)


def _attribute(effect: Effect, backend: str | None, provider: str | None, model: str | None) -> None:
    effect.backend = backend or effect.backend
    effect.provider = provider or effect.provider
    if model:
        effect.asked_model = effect.asked_model or model
        effect.model = model


def _begin(effect: Effect, told: Told, *, begun: bool = True) -> Attempt:
    payload, time_us = told.payload, told.time_us
    number = payload.attempt or len(effect.attempts) + 1
    attempt = Attempt(effect, number, told.seq, told.type, time_us, begun, last_us=time_us)
    attempt.request_id = payload.request_id
    before = effect.attempts[-1] if effect.attempts else None
    if before is not None and before.ended_us is not None:
        before.waited_ms = (time_us - before.ended_us) / 1000
    effect.attempts.append(attempt)
    return attempt


def _progress(effect: Effect, told: Told) -> None:
    payload = told.payload
    if payload.status == "retry_attempt_started":
        _begin(effect, told)
        return
    # A log that starts in the middle: what came before is not known, what follows still counts.
    attempt = effect.attempts[-1] if effect.attempts else _begin(effect, told, begun=False)
    attempt.last_us = told.time_us
    if payload.status == "retrying":
        _close(attempt, told, "retried")
        attempt.discarded = payload.discarded is True
        attempt.backoff_ms = payload.backoff_ms
        attempt.wait_ms = payload.backoff_ms if payload.wait_ms is None else payload.wait_ms
        attempt.retry_after_ms = payload.retry_after_ms
        return
    for at_ms, kind, chars in arrivals_of(payload, (told.time_us - attempt.started_us) / 1000):
        attempt.at_ms.append(at_ms)
        if kind == "text":
            attempt.characters += chars
        else:
            attempt.thinking_characters += chars


def _end(effect: Effect, told: Told, ending: Outcome) -> None:
    payload = told.payload
    result, details = payload.result or {}, payload.details or {}
    _attribute(effect, *(as_text(result.get(name)) for name in ("backend", "provider", "model")))
    effect.status = ending
    effect.ended_us = told.time_us
    effect.recovered = details.get("recovered") is True
    effect.finish_reason = as_text(result.get("finish_reason"))
    effect.reason = payload.reason
    effect.error_category = payload.error_category
    effect.retryable = payload.retryable
    effect.http_status = as_int(details.get("status"))
    attempt = effect.attempts[-1] if effect.attempts else None
    if attempt is not None and attempt.outcome == "running":
        attempt.recovered = effect.recovered
        _close(attempt, told, ending)
    elif attempt is not None and attempt.ended_us is not None and not effect.recovered:
        attempt.waited_ms = (told.time_us - attempt.ended_us) / 1000


def _close(attempt: Attempt, told: Told, outcome: Outcome) -> None:
    payload = told.payload
    result, details = payload.result or {}, payload.details or {}
    attempt.outcome = outcome
    if not attempt.recovered:
        attempt.ended_us = attempt.last_us = told.time_us
        elapsed_ms = (told.time_us - attempt.started_us) / 1000
        attempt.duration_ms = elapsed_ms if payload.duration_ms is None else payload.duration_ms
    attempt.first_chunk_ms = payload.first_chunk_ms
    if attempt.first_chunk_ms is None and attempt.at_ms:
        attempt.first_chunk_ms = attempt.at_ms[0]
    attempt.error_category = payload.error_category
    attempt.retryable = payload.retryable
    attempt.reason = payload.reason
    attempt.http_status = as_int(details.get("status"))
    attempt.timeout = as_text(details.get("which"))
    attempt.retry_after_ms = as_float(details.get("retry_after_ms"))
    attempt.usage = payload.usage or as_mapping(result.get("usage")) or None
    cost = payload.cost or as_mapping(result.get("cost"))
    attempt.cost = as_float(cost.get("amount"))
    attempt.price_table = as_text(cost.get("price_table"))
    attempt.request_id = payload.request_id or attempt.request_id
    attempt.provider_request_id = as_text(result.get("request_id") or details.get("request_id"))
    if not attempt.at_ms and isinstance(text := result.get("text"), str):
        attempt.characters = len(text)
        attempt.thinking_characters = len(as_text(result.get("thinking")) or "")
