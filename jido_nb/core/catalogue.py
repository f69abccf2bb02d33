"""Every stream and event type that the runtime knows: what a payload must hold, and how urgent it is.

The envelope's `type` starts with one of five streams; each stream names the payload keys that must be present.
Types beyond the catalogue are welcome as long as their stream is known: the log is open, the streams are not.
To add an event type, add a row.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

STREAM_KEYS: dict[str, tuple[str, ...]] = {
    "in": ("message_id", "ingress"),
    "applied": ("applied_event_id",),
    "effect": ("effect_id", "lifecycle"),
    "out": ("output_id", "channel"),
    "audit": ("audit_id", "category"),
}
STREAMS = tuple(STREAM_KEYS)

MESSAGE_RECEIVED = "conv.in.message.received"
TOOL_REQUESTED = "conv.in.tool.requested"
TIMER_TICK = "conv.in.timer.tick"
ABORT_REQUESTED = "conv.in.control.abort_requested"
STOP_REQUESTED = "conv.in.control.stop_requested"
CANCEL_REQUESTED = "conv.in.control.cancel_requested"
CONTROL_TYPES = frozenset({ABORT_REQUESTED, STOP_REQUESTED, CANCEL_REQUESTED})

LLM_EFFECT = "conv.effect.llm.generation"
LLM_COMPLETED = f"{LLM_EFFECT}.completed"
LLM_CANCELED = f"{LLM_EFFECT}.canceled"
TOOL_EFFECT = "conv.effect.tool.execution"
TIMER_EFFECT = "conv.effect.timer.wait"
EFFECT_PREFIXES = {"llm": LLM_EFFECT, "tool": TOOL_EFFECT, "timer": TIMER_EFFECT}

ASSISTANT_DELTA = "conv.out.assistant.delta"
ASSISTANT_COMPLETED = "conv.out.assistant.completed"
ASSISTANT_FAILED = "conv.out.assistant.failed"
ASSISTANT_CANCELED = "conv.out.assistant.canceled"
TOOL_STATUS = "conv.out.tool.status"

APPLIED = "conv.applied.event.applied"

TERMINAL_LIFECYCLES = frozenset({"completed", "failed", "canceled"})


class Priority(IntEnum):
    """Classes of urgency; a lower number goes first."""

    CONTROL = 0
    MESSAGE = 1
    NORMAL = 2
    OUTPUT = 3


@dataclass(frozen=True, slots=True)
class EventType:
    """One row: the `type` of the envelope, its class of urgency, and what it tells."""

    type: str
    priority: Priority
    doc: str


def _lifecycles(prefix: str, what: str) -> list[EventType]:
    urgent = Priority.MESSAGE
    return [
        EventType(f"{prefix}.started", Priority.NORMAL, f"{what} began its first attempt"),
        EventType(f"{prefix}.progress", Priority.NORMAL, f"{what} streamed, used a tool, or is trying again"),
        EventType(f"{prefix}.completed", urgent, f"{what} ended well; `result` holds what it gave"),
        EventType(f"{prefix}.failed", urgent, f"{what} gave up; `error_category` says why"),
        EventType(f"{prefix}.canceled", Priority.NORMAL, f"{what} was canceled; `reason` says why"),
    ]


CATALOGUE: dict[str, EventType] = {
    row.type: row
    for row in (
        EventType(MESSAGE_RECEIVED, Priority.MESSAGE, "somebody said something; an answer is due"),
        EventType(TOOL_REQUESTED, Priority.NORMAL, "somebody asked for a registered Python function to run"),
        EventType(TIMER_TICK, Priority.NORMAL, "somebody asked for a wait of `wait_ms`"),
        EventType(ABORT_REQUESTED, Priority.CONTROL, "everything that runs in the conversation must end"),
        EventType(STOP_REQUESTED, Priority.CONTROL, "as abort, asked for by a program"),
        EventType(CANCEL_REQUESTED, Priority.CONTROL, "one effect (`effect_id`) or all of them must end"),
        *_lifecycles(LLM_EFFECT, "a generation"),
        *_lifecycles(TOOL_EFFECT, "a tool execution"),
        *_lifecycles(TIMER_EFFECT, "a wait"),
        EventType(ASSISTANT_DELTA, Priority.OUTPUT, "a piece of the answer, for the reader"),
        EventType(ASSISTANT_COMPLETED, Priority.OUTPUT, "the whole answer"),
        EventType(ASSISTANT_FAILED, Priority.OUTPUT, "no answer; `content` keeps the partial text"),
        EventType(ASSISTANT_CANCELED, Priority.OUTPUT, "a canceled answer; `content` keeps the partial text"),
        EventType(TOOL_STATUS, Priority.OUTPUT, "where a tool call stands"),
        EventType(APPLIED, Priority.NORMAL, "a run of signals was applied; carries the chained state hash"),
    )
}

ONE_OF_EACH = {type: type for type in CATALOGUE}
"""Of equal texts the one to keep, for who keeps many types: the others came with a signal, or out of a file."""


@lru_cache(maxsize=4096)
def stream_of(type: str) -> str | None:
    """The stream of an event type (`in`, `applied`, `effect`, `out`, `audit`), or None."""
    parts = type.split(".", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "conv" and parts[1] in STREAM_KEYS else None


@lru_cache(maxsize=4096)
def lifecycle_of(type: str) -> tuple[str, str]:
    """An effect type's prefix and last part: (`conv.effect.llm.generation`, `progress`)."""
    prefix, _, lifecycle = type.rpartition(".")
    return prefix, lifecycle


@lru_cache(maxsize=4096)
def priority_of(type: str) -> int:
    """The class of urgency of any event type: its row, else the rule of its kind."""
    row = CATALOGUE.get(type)
    if row is not None:
        return int(row.priority)
    if type.startswith("conv.out."):
        return int(Priority.OUTPUT)
    if type.startswith("conv.in.message") or type.endswith((".completed", ".failed", ".error")):
        return int(Priority.MESSAGE)
    return int(Priority.NORMAL)
