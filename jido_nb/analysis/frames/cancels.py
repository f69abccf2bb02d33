"""`cancels_df`: one row per effect that was canceled."""

from collections.abc import Callable, Iterator
from typing import Any

from ...core.signal import Recorded
from ..cancels import CANCEL_TYPES, Cancel, fold_cancels
from ..column import BOOL, FLOAT, INT, TEXT, TIME, Column
from ..filters import Filters, head_of
from ..frame import Frame
from ..source import OpenSource
from ..values import as_bool, as_float, as_int, as_mapping, as_text


def _text(key: str) -> Callable[[Cancel], str | None]:
    return lambda cancel: as_text(cancel.signal.data.get(key))


def _number(key: str) -> Callable[[Cancel], float | None]:
    return lambda cancel: as_float(cancel.signal.data.get(key))


def _requested_by(cancel: Cancel) -> str | None:
    asked: Any = cancel.signal.data.get("requested_by")
    if asked is None and cancel.request is not None:
        asked = cancel.request.data.get("requested_by")
    return as_text(asked)


def _detail(cancel: Cancel, key: str) -> Any:
    """What the backend told of how it ended the work."""
    return as_mapping(cancel.signal.data.get("backend_cancel_details")).get(key)


CANCEL_COLUMNS: tuple[Column[Cancel], ...] = (
    Column("seq", INT, lambda c: c.seq, "place in the journal of the canceled signal"),
    Column("conversation_id", TEXT, lambda c: c.signal.subject, "the conversation"),
    Column("effect_id", TEXT, _text("effect_id"), "the effect that was canceled"),
    Column("effect_class", TEXT, _text("effect_class"), "llm, tool or timer"),
    Column("attempt", INT, lambda c: as_int(c.signal.data.get("attempt")), "attempt that ran last; 0: none had begun"),
    Column("backend", TEXT, _text("backend"), "backend that was at work"),
    Column("provider", TEXT, _text("provider"), "provider behind the backend"),
    Column("model", TEXT, _text("model"), "model as asked for"),
    Column("reason", TEXT, _text("reason"), "why, in the words of who asked"),
    Column("requested_by", TEXT, _requested_by,
           "who asked: widget, %jido cancel, interrupt, code, runtime (it closed), or a name of your own"),
    Column("request_type", TEXT, lambda c: c.request.type if c.request else None, "type of the signal that asked"),
    Column("requested", TIME, lambda c: c.request.time_us if c.request else None, "when it was asked for, UTC"),
    Column("canceled", TIME, lambda c: c.signal.time_us, "when the effect had ended, UTC"),
    Column("cancel_latency_ms", FLOAT, _number("cancel_latency_ms"), "from the request to the end, ms"),
    Column("closed_latency_ms", FLOAT, _number("closed_latency_ms"),
           "from the request to the end of the connection or process, ms; null where there was none"),
    Column("backend_cancel", TEXT, _text("backend_cancel"), "what telling the backend gave: ok, not_available, failed"),
    Column("backend_cancel_category", TEXT, _text("backend_cancel_category"), "error category if that failed"),
    Column("backend_cancel_reason", TEXT, _text("backend_cancel_reason"), "why that failed, in words"),
    Column("backend_cancel_retryable", BOOL, lambda c: as_bool(c.signal.data.get("backend_cancel_retryable")),
           "whether telling it again could help"),
    Column("rung", TEXT, lambda c: as_text(_detail(c, "rung")),
           "what ended an agent's process: exited, interrupt, SIGINT, SIGTERM, SIGKILL; null for connections"),
    Column("swept", INT, lambda c: as_int(_detail(c, "swept")), "processes that outlived the agent and were killed"),
    Column("exit_code", INT, lambda c: as_int(_detail(c, "exit_code")), "of the agent's process; below 0: a signal"),
    Column("session_id", TEXT, _text("session_id"), "the agent's session"),
    Column("duration_ms", FLOAT, _number("duration_ms"), "how long the attempt had run by then, ms; null in a wait"),
    Column("first_chunk_ms", FLOAT, _number("first_chunk_ms"), "when its first text or thinking had arrived, ms"),
    Column("kept_characters", INT, lambda c: len(as_text(c.signal.data.get("partial_text")) or ""),
           "characters of partial text that were kept"),
)  # fmt: skip


def _cancels(found: OpenSource, filters: Filters) -> Iterator[Cancel]:
    return fold_cancels(found.read(CANCEL_TYPES))


cancels_df = Frame(
    "cancels_df",
    "One row per effect that was canceled, in the order in which they ended.",
    CANCEL_COLUMNS,
    _cancels,
    given="a `Cancel`",
    head=lambda cancel: head_of(Recorded(cancel.seq, cancel.signal)),
)
