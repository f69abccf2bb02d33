"""`attempts_df`: one row per attempt, which is one request on the wire."""

from collections.abc import Iterator

from ..attempts import USAGE_KEYS, Attempt
from ..column import BOOL, FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..folding import fold_effects
from ..frame import Frame
from ..numbering import turn_numbers
from ..source import OpenSource
from ..told import read_told


def _usage(key: str) -> Column[Attempt]:
    doc = f"{key.replace('_', ' ')}; null if not reported"
    return Column(key, INT, lambda a: a.tokens(key), doc)


ATTEMPT_COLUMNS: tuple[Column[Attempt], ...] = (
    Column("seq", INT, lambda a: a.seq, "place in the journal of the signal that began it"),
    Column("conversation_id", TEXT, lambda a: a.effect.conversation_id, "the conversation"),
    Column("effect_id", TEXT, lambda a: a.effect.effect_id, "the effect it belongs to"),
    Column("turn", INT, lambda a: a.effect.turn, "number of the message it answers, from 1; null for tools and timers"),
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
    Column("duration_ms", FLOAT, lambda a: a.duration_ms,
           "from its start to its end, ms; of a canceled one: to the cancel"),
    Column("first_chunk_ms", FLOAT, lambda a: a.first_chunk_ms, "from its start to the first text or thinking, ms"),
    Column("chunks", INT, lambda a: len(a.at_ms), "pieces of text and thinking that arrived"),
    Column("characters", INT, lambda a: a.characters, "characters of text that arrived"),
    Column("thinking_characters", INT, lambda a: a.thinking_characters, "characters of thinking that arrived"),
    Column("gap_p50_ms", FLOAT, lambda a: a.gap_ms(0.5), "median time between neighbouring chunks, ms"),
    Column("gap_p95_ms", FLOAT, lambda a: a.gap_ms(0.95), "95th percentile of it, ms"),
    Column("gap_max_ms", FLOAT, lambda a: a.gap_ms(1.0), "longest of it, ms"),
    Column("error_category", TEXT, lambda a: a.error_category, "why it failed: auth, config, timeout, provider, ..."),
    Column("http_status", INT, lambda a: a.http_status, "HTTP status of the failure"),
    Column("timeout", TEXT, lambda a: a.timeout, "limit it ran into: attempt, first_chunk, idle or deadline"),
    Column("retryable", BOOL, lambda a: a.retryable, "whether trying again could help"),
    Column("reason", TEXT, lambda a: a.reason, "why it failed or was canceled, in words"),
    Column("discarded", BOOL, lambda a: a.discarded, "whether it had streamed text that a retry made void"),
    Column("backoff_ms", FLOAT, lambda a: a.backoff_ms, "wait before the next attempt by the formula, ms"),
    Column("wait_ms", FLOAT, lambda a: a.wait_ms, "wait that was decided, with jitter and Retry-After, ms"),
    Column("waited_ms", FLOAT, lambda a: a.waited_ms,
           "from its end to the next attempt, or to the cancel that came before it, ms; null if neither came"),
    Column("retry_after_ms", FLOAT, lambda a: a.retry_after_ms, "what the server asked to wait, ms"),
    Column("retry_after_honoured", BOOL, lambda a: a.retry_after_honoured,
           "whether the next attempt waited as long as the server asked; null if it did not ask, or none followed"),
    *map(_usage, USAGE_KEYS),
    Column("usage_estimated", BOOL, lambda a: a.usage_estimated, "whether tokens were guessed from the text that came"),
    Column("cost_usd", FLOAT, lambda a: a.cost, "price of the attempt, US dollars; null if not known"),
    Column("price_table", TEXT, lambda a: a.price_table, "name and version of the table that gave the price"),
    Column("wasted_tokens", INT, lambda a: a.wasted_tokens,
           "input and output tokens, if it failed; 0 if it did not, null if not known"),
    Column("wasted_cost_usd", FLOAT, lambda a: a.cost if a.wasted else 0.0, "its price, if it failed; likewise"),
    Column("wasted_ms", FLOAT, lambda a: a.duration_ms if a.wasted else 0.0,
           "its duration, ms, if it failed; likewise"),
    Column("request_id", TEXT, lambda a: a.request_id, "our id of the request"),
    Column("provider_request_id", TEXT, lambda a: a.provider_request_id, "the provider's id of the request"),
)  # fmt: skip


def _attempts(found: OpenSource, filters: Filters) -> Iterator[Attempt]:
    told = read_told(found, after_seq=found.seq_before(filters.since_us))
    for effect in fold_effects(told, turn_numbers(found)):
        yield from effect.attempts


def _head(attempt: Attempt) -> Head:
    return Head(attempt.type, attempt.started_us if attempt.begun else None, attempt.effect.backend)


attempts_df = Frame(
    "attempts_df",
    "One row per attempt of every effect, which is one request on the wire, in the order in which they began.",
    ATTEMPT_COLUMNS,
    _attempts,
    given="an `Attempt`",
    head=_head,
    order=True,
)
