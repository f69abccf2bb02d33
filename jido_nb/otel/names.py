"""What OpenTelemetry calls the facts of a log: one table, two generations of the GenAI conventions.

`latest` are the names of the conventions as they stand now; `1.36` those of the last release before they moved to a
repository of their own, which many back ends still draw their pictures from. A fact that a generation has no name for
is left out there. Names that begin with `jido_nb.` are ours, in both.
"""

from collections.abc import Mapping
from typing import NamedTuple, get_args

from ..errors import ConfigError, closest
from ..llm.settings import Conventions


class Name(NamedTuple):
    """One row: a fact, and what each generation calls it. None: it has no name for it."""

    fact: str
    latest: str
    v1_36: str | None


def _same(fact: str, name: str) -> Name:
    return Name(fact, name, name)


ATTRIBUTES = (
    _same("operation", "gen_ai.operation.name"),
    Name("provider", "gen_ai.provider.name", "gen_ai.system"),
    _same("conversation", "gen_ai.conversation.id"),
    _same("model", "gen_ai.request.model"),
    Name("stream", "gen_ai.request.stream", None),
    _same("served_model", "gen_ai.response.model"),
    _same("response_id", "gen_ai.response.id"),
    _same("finish_reasons", "gen_ai.response.finish_reasons"),
    Name("first_chunk_s", "gen_ai.response.time_to_first_chunk", None),
    _same("input_tokens", "gen_ai.usage.input_tokens"),
    _same("output_tokens", "gen_ai.usage.output_tokens"),
    Name("cache_read_tokens", "gen_ai.usage.cache_read.input_tokens", None),
    Name("cache_write_tokens", "gen_ai.usage.cache_creation.input_tokens", None),
    Name("reasoning_tokens", "gen_ai.usage.reasoning.output_tokens", None),
    _same("token_type", "gen_ai.token.type"),
    _same("agent", "gen_ai.agent.name"),
    _same("tool", "gen_ai.tool.name"),
    _same("tool_call", "gen_ai.tool.call.id"),
    _same("tool_type", "gen_ai.tool.type"),
    _same("error", "error.type"),
    _same("http_status", "http.response.status_code"),
    _same("backend", "jido_nb.backend"),
    _same("effect", "jido_nb.effect.id"),
    _same("request_id", "jido_nb.request.id"),
    _same("attempt", "jido_nb.attempt"),
    _same("attempts", "jido_nb.attempts"),
    _same("status", "jido_nb.status"),
    _same("cancel_reason", "jido_nb.cancel.reason"),
    _same("wait_ms", "jido_nb.retry.wait_ms"),
    _same("cost", "jido_nb.cost"),
    _same("currency", "jido_nb.cost.currency"),
    _same("recovered", "jido_nb.recovered"),
)

METRICS = (
    _same("duration", "gen_ai.client.operation.duration"),
    _same("tokens", "gen_ai.client.token.usage"),
    Name("first_chunk", "gen_ai.client.operation.time_to_first_chunk", None),
    _same("retries", "jido_nb.client.retries"),
    _same("cancels", "jido_nb.client.cancels"),
)


def attribute_names(conventions: Conventions) -> Mapping[str, str]:
    """What that generation calls each fact. Raises ConfigError for a generation that is not here."""
    return _names(ATTRIBUTES, conventions)


def metric_names(conventions: Conventions) -> Mapping[str, str]:
    """What that generation calls each instrument. Raises ConfigError for a generation that is not here."""
    return _names(METRICS, conventions)


def _names(table: tuple[Name, ...], conventions: str) -> dict[str, str]:
    known = get_args(Conventions)
    if conventions not in known:
        message = f"no conventions {conventions!r}.{closest(conventions, known)} Known: {', '.join(known)}"
        raise ConfigError(message, field="opentelemetry.conventions", value=conventions)
    column = 1 + known.index(conventions)
    return {row.fact: name for row in table if (name := row[column]) is not None}
