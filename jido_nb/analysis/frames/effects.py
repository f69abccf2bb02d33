"""`effects_df`: one row per effect, all its attempts together."""

from collections.abc import Iterator

from ..attempts import USAGE_KEYS, Effect
from ..column import BOOL, FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..folding import fold_effects
from ..frame import Frame
from ..numbering import turn_numbers
from ..source import OpenSource
from ..told import read_told


def _usage(key: str) -> Column[Effect]:
    return Column(key, INT, lambda e: e.tokens(key), f"{key.replace('_', ' ')} of all attempts; null if not reported")


EFFECT_COLUMNS: tuple[Column[Effect], ...] = (
    Column("seq", INT, lambda e: e.seq, "place in the journal of its first signal"),
    Column("conversation_id", TEXT, lambda e: e.conversation_id, "the conversation"),
    Column("effect_id", TEXT, lambda e: e.effect_id, "unique within its conversation"),
    Column("turn", INT, lambda e: e.turn, "number of the message it answers, from 1; null for tools and timers"),
    Column("cause_id", TEXT, lambda e: e.cause_id, "id of the signal that asked for it"),
    Column("effect_class", TEXT, lambda e: e.effect_class, "llm, tool or timer"),
    Column("kind", TEXT, lambda e: e.kind, "what kind of work: generation, execution, wait"),
    Column("backend", TEXT, lambda e: e.backend, "backend that did the work"),
    Column("provider", TEXT, lambda e: e.provider, "provider behind the backend"),
    Column("asked_model", TEXT, lambda e: e.asked_model, "model as asked for"),
    Column("model", TEXT, lambda e: e.model, "model as served, or as asked for where no answer named it"),
    Column("stream", BOOL, lambda e: e.stream, "whether the answer was streamed"),
    Column("status", TEXT, lambda e: e.status, "running, completed, failed or canceled"),
    Column("attempts", INT, lambda e: len(e.attempts), "attempts that began"),
    Column("max_attempts", INT, lambda e: e.max_attempts, "attempts that its policy allows"),
    Column("started", TIME, lambda e: e.started_us, "when its first attempt began, UTC; null if none did"),
    Column("ended", TIME, lambda e: e.ended_us, "when it ended, UTC; after a crash, when it was found"),
    Column("duration_ms", FLOAT, lambda e: e.duration_ms, "from start to end, waits included, ms; null after a crash"),
    Column("wait_ms", FLOAT, lambda e: e.wait_ms, "waits between attempts, together, ms"),
    Column("chunks", INT, lambda e: sum(len(a.at_ms) for a in e.attempts), "chunks of all attempts"),
    Column("finish_reason", TEXT, lambda e: e.finish_reason, "why the model stopped, in its provider's words"),
    Column("error_category", TEXT, lambda e: e.error_category, "why it failed: auth, config, timeout, provider, ..."),
    Column("http_status", INT, lambda e: e.http_status, "HTTP status of the failure"),
    Column("retryable", BOOL, lambda e: e.retryable, "whether trying again could have helped"),
    Column("reason", TEXT, lambda e: e.reason, "why it failed or was canceled, in words"),
    Column("recovered", BOOL, lambda e: e.recovered, "ended by recovery, because its process had died"),
    *map(_usage, USAGE_KEYS),
    Column("cost_usd", FLOAT, lambda e: e.cost, "price of all attempts, US dollars; null if none has a known price"),
)


def _effects(found: OpenSource, filters: Filters) -> Iterator[Effect]:
    told = read_told(found, after_seq=found.seq_before(filters.since_us))
    return fold_effects(told, turn_numbers(found))


effects_df = Frame(
    "effects_df",
    "One row per effect, in the order in which they began; tokens and costs are sums over the attempts.",
    EFFECT_COLUMNS,
    _effects,
    given="an `Effect`",
    head=lambda effect: Head(effect.type, effect.began_us, effect.backend),
    order=True,
)
