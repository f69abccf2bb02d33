"""`attempts_df`: one row per attempt, which is one request on the wire."""

from collections.abc import Iterable, Iterator

import pandas as pd

from ..attempts import EFFECT_TYPES, USAGE_KEYS, Attempt, Effect, fold_effects
from ..column import BOOL, FLOAT, INT, TEXT, TIME, Column, build_frame, choose
from ..gaps import gap_ms
from ..source import Source, read_source
from ..values import as_int


def _usage(key: str) -> Column[Attempt]:
    doc = f"{key.replace('_', ' ')}; null if not reported"
    return Column(key, INT, lambda a: as_int((a.usage or {}).get(key)), doc)


ATTEMPT_COLUMNS: tuple[Column[Attempt], ...] = (
    Column("seq", INT, lambda a: a.seq, "place in the journal of the signal that began it"),
    Column("conversation_id", TEXT, lambda a: a.effect.conversation_id, "the conversation"),
    Column("effect_id", TEXT, lambda a: a.effect.effect_id, "the effect it belongs to"),
    Column("effect_class", TEXT, lambda a: a.effect.effect_class, "llm, tool or timer"),
    Column("backend", TEXT, lambda a: a.effect.backend, "backend that was called"),
    Column("provider", TEXT, lambda a: a.effect.provider, "provider behind the backend"),
    Column("model", TEXT, lambda a: a.effect.model, "model as served, or as asked for where no answer named it"),
    Column("stream", BOOL, lambda a: a.effect.stream, "whether the answer was streamed"),
    Column("attempt", INT, lambda a: a.number, "number of the attempt, from 1"),
    Column("started", TIME, lambda a: a.started_us, "when it began, UTC"),
    Column("ended", TIME, lambda a: a.ended_us, "when it ended, UTC; null while it runs and after a crash"),
    Column(
        "outcome",
        TEXT,
        lambda a: a.outcome,
        "completed, failed, retried (failed, to be tried again), canceled, running",
    ),
    Column("duration_ms", FLOAT, lambda a: a.duration_ms, "from its start to its end, ms"),
    Column("first_chunk_ms", FLOAT, lambda a: a.first_chunk_ms, "from its start to the first text or thinking, ms"),
    Column("chunks", INT, lambda a: len(a.at_ms), "pieces of text and thinking that arrived"),
    Column("characters", INT, lambda a: a.characters, "characters of text that arrived"),
    Column("thinking_characters", INT, lambda a: a.thinking_characters, "characters of thinking that arrived"),
    Column("gap_p50_ms", FLOAT, lambda a: gap_ms(a.at_ms, 0.5), "median time between neighbouring chunks, ms"),
    Column("gap_p95_ms", FLOAT, lambda a: gap_ms(a.at_ms, 0.95), "95th percentile of it, ms"),
    Column("gap_max_ms", FLOAT, lambda a: gap_ms(a.at_ms, 1.0), "longest of it, ms"),
    Column("error_category", TEXT, lambda a: a.error_category, "why it failed: auth, config, timeout, provider, ..."),
    Column("http_status", INT, lambda a: a.http_status, "HTTP status of the failure"),
    Column("timeout", TEXT, lambda a: a.timeout, "limit it ran into: attempt, first_chunk, idle or deadline"),
    Column("retryable", BOOL, lambda a: a.retryable, "whether trying again could help"),
    Column("reason", TEXT, lambda a: a.reason, "why it failed or was canceled, in words"),
    Column("discarded", BOOL, lambda a: a.discarded, "whether it had streamed text that a retry made void"),
    Column("backoff_ms", FLOAT, lambda a: a.backoff_ms, "wait before the next attempt by the formula, ms"),
    Column("wait_ms", FLOAT, lambda a: a.wait_ms, "wait that was decided, with jitter and Retry-After, ms"),
    Column("retry_after_ms", FLOAT, lambda a: a.retry_after_ms, "what the server asked to wait, ms"),
    *map(_usage, USAGE_KEYS),
    Column("usage_estimated", BOOL, lambda a: a.usage_estimated, "whether tokens were guessed from the text that came"),
    Column("cost_usd", FLOAT, lambda a: a.cost, "price of the attempt, US dollars; null if not known"),
    Column("price_table", TEXT, lambda a: a.price_table, "name and version of the table that gave the price"),
    Column("request_id", TEXT, lambda a: a.request_id, "our id of the request"),
    Column("provider_request_id", TEXT, lambda a: a.provider_request_id, "the provider's id of the request"),
)


def attempts_df(
    source: Source, subject: str | None = None, columns: Iterable[str | Column[Attempt]] | None = None
) -> pd.DataFrame:
    """One row per attempt of every effect, in the order in which the attempts began.

    Args:
        source: A path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals.
        subject: Only this conversation.
        columns: Names of `ATTEMPT_COLUMNS` and columns of your own, whose `get` is given an `Attempt`.

    Raises:
        ConfigError: not a source, an unknown column.
        JournalError: the journal cannot be read.
        ColumnError: one of your columns failed.
    """
    effects = fold_effects(read_source(source, types=EFFECT_TYPES, subject=subject))
    return build_frame(choose(ATTEMPT_COLUMNS, columns), _attempts(effects), order=True)


def _attempts(effects: Iterable[Effect]) -> Iterator[Attempt]:
    for effect in effects:
        yield from effect.attempts
