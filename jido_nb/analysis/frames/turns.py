"""`turns_df`: one row per message, with the answer that came of it."""

from collections.abc import Callable, Iterator
from typing import Any

from ...core.projections.timeline import message_content
from ..attempts import USAGE_KEYS
from ..column import BOOL, FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, Head
from ..frame import Frame
from ..numbering import turn_numbers
from ..source import OpenSource
from ..turns import TURN_TYPES, TurnRow, fold_turns
from ..values import as_bool, as_float, as_int, as_mapping, as_text


def _usage(key: str) -> Column[TurnRow]:
    return Column(key, INT, lambda t: as_int((t.view.usage or {}).get(key)), f"{key.replace('_', ' ')} of the answer")


def _error(key: str) -> Callable[[TurnRow], Any]:
    return lambda turn: as_mapping(turn.view.error).get(key)


_category, _retryable, _details = _error("error_category"), _error("retryable"), _error("details")

TURN_COLUMNS: tuple[Column[TurnRow], ...] = (
    Column("seq", INT, lambda t: t.seq, "place in the journal of the message"),
    Column("conversation_id", TEXT, lambda t: t.message.subject, "the conversation"),
    Column("turn", INT, lambda t: t.number, "number of the message in its conversation, from 1"),
    Column("message_id", TEXT, lambda t: as_text(t.message.data.get("message_id")), "id of the message"),
    Column("effect_id", TEXT, lambda t: t.view.effect_id, "the effect that answers"),
    Column("prompt", TEXT, lambda t: message_content(t.message.data), "what was said"),
    Column("text", TEXT, lambda t: t.view.text, "the answer, or as much of it as arrived in the last attempt"),
    Column("thinking", TEXT, lambda t: t.view.thinking, "what the model thought, where it tells"),
    Column("status", TEXT, lambda t: t.view.status, "queued, running, completed, failed or canceled"),
    Column("attempts", INT, lambda t: t.view.attempt if t.view.attempt_started_us else 0, "attempts that began"),
    Column("max_attempts", INT, lambda t: as_int(t.view.max_attempts), "attempts that the policy allows"),
    Column("backend", TEXT, lambda t: as_text(t.view.backend), "backend that answered"),
    Column("provider", TEXT, lambda t: as_text(t.view.provider), "provider behind the backend"),
    Column("asked_model", TEXT, lambda t: as_text(t.view.asked_model), "model as asked for"),
    Column("model", TEXT, lambda t: as_text(t.view.model), "model as served, or as asked for until that is known"),
    Column("stream", BOOL, lambda t: t.view.stream, "whether the answer was streamed"),
    Column("sent", TIME, lambda t: t.message.time_us, "when the message was received, UTC"),
    Column("started", TIME, lambda t: t.view.started_us, "when the answer's first attempt began, UTC"),
    Column("ended", TIME, lambda t: t.view.ended_us, "when the answer ended, UTC; after a crash, when it was found"),
    Column("duration_ms", FLOAT, lambda t: t.duration_ms, "started to ended, waits included, ms; null after a crash"),
    Column("first_chunk_ms", FLOAT, lambda t: t.view.first_chunk_ms, "from started to the first piece that counts, ms"),
    Column("wait_ms", FLOAT, lambda t: t.wait_ms, "waits between attempts, together, ms"),
    Column("tools", INT, lambda t: len(t.view.tools), "tool calls of the last attempt"),
    Column("finish_reason", TEXT, lambda t: as_text(t.view.finish_reason), "why the model stopped"),
    Column("error_category", TEXT, lambda t: as_text(_category(t)), "why it failed: auth, config, timeout, ..."),
    Column("http_status", INT, lambda t: as_int(as_mapping(_details(t)).get("status")), "HTTP status of the failure"),
    Column("retryable", BOOL, lambda t: as_bool(_retryable(t)), "whether trying again could have helped"),
    Column("reason", TEXT, lambda t: t.view.reason, "why it failed or was canceled, in words"),
    *map(_usage, USAGE_KEYS),
    Column("cost_usd", FLOAT, lambda t: as_float(as_mapping(t.view.cost).get("amount")), "price, US dollars"),
)


def _turns(found: OpenSource, filters: Filters) -> Iterator[TurnRow]:
    log = found.read(TURN_TYPES, after_seq=found.seq_before(filters.since_us))
    return fold_turns(log, turn_numbers(found))


turns_df = Frame(
    "turns_df",
    "One row per message with its answer, in the order in which they came; tokens and cost are of the last attempt.",
    TURN_COLUMNS,
    _turns,
    given="a `TurnRow`",
    head=lambda turn: Head(turn.message.type, turn.message.time_us, as_text(turn.view.backend)),
    order=True,
)
