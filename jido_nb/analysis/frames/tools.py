"""`tools_df`: one row per tool call and attempt."""

from collections.abc import Callable, Iterator
from typing import Any

from ..column import FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, head_of
from ..frame import Frame
from ..numbering import turn_numbers
from ..source import OpenSource
from ..tools import TOOL_TYPES, ToolCall, fold_tools
from ..values import as_text


def _text(key: str) -> Callable[[ToolCall], str | None]:
    return lambda call: as_text(call.recorded.signal.data.get(key))


def _length(value: Any) -> int | None:
    text = as_text(value)
    return None if text is None else len(text)


TOOL_COLUMNS: tuple[Column[ToolCall], ...] = (
    Column("seq", INT, lambda c: c.seq, "place in the journal of the first signal that tells of it"),
    Column("conversation_id", TEXT, lambda c: c.recorded.signal.subject, "the conversation"),
    Column("turn", INT, lambda c: c.turn, "number of the message it belongs to, from 1; null for functions"),
    Column("effect_id", TEXT, lambda c: c.effect_id, "the generation that called it, or the effect that is the call"),
    Column("attempt", INT, lambda c: c.attempt, "attempt of that effect, from 1"),
    Column("call_id", TEXT, lambda c: c.use.id, "id of the call; its tool's name where it has none"),
    Column("tool", TEXT, lambda c: c.use.name, "name of the tool"),
    Column("kind", TEXT, lambda c: c.kind,
           "client (the model asks), server (provider or agent runs it), function (the runtime runs it)"),
    Column("status", TEXT, lambda c: c.use.status,
           "as last told: requested (pending where it was streamed), running, completed, failed, denied, canceled"),
    Column("input", TEXT, lambda c: as_text(c.use.input), "its arguments, as JSON text"),
    Column("output", TEXT, lambda c: as_text(c.use.output), "what it gave; JSON text where that is no text"),
    Column("output_characters", INT, lambda c: _length(c.use.output), "length of that"),
    Column("started", TIME, lambda c: c.recorded.signal.time_us, "when it was first told of, UTC"),
    Column("ended", TIME, lambda c: c.ended_us, "when its end was told, UTC; null while it runs"),
    Column("duration_ms", FLOAT, lambda c: c.duration_ms, "between the two, ms; null where all was told at once"),
    Column("reason", TEXT, lambda c: c.reason, "why a function failed or was canceled, in words"),
    Column("backend", TEXT, _text("backend"), "backend whose generation called it"),
    Column("provider", TEXT, _text("provider"), "provider behind the backend"),
    Column("model", TEXT, _text("model"), "model that called it"),
)  # fmt: skip


def _tools(found: OpenSource, filters: Filters) -> Iterator[ToolCall]:
    return fold_tools(found.read(TOOL_TYPES), turn_numbers(found))


tools_df = Frame(
    "tools_df",
    "One row per tool call and attempt: what models asked for, and what providers, agents and the runtime ran.",
    TOOL_COLUMNS,
    _tools,
    given="a `ToolCall`",
    head=lambda call: head_of(call.recorded),
    order=True,
)
