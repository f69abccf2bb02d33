"""Tool calls, folded from a log: one per call and attempt.

Rule 1: what a provider or an agent runs by itself is reported while it runs; what a model only asks for stands in its
        result. Both are one call, known by its id, or by its name where it has none.
Rule 2: a function that the runtime runs is an effect of its own, and each of its attempts is a call.
Rule 3: a state is what was last told. A call that had not ended when its attempt failed or was canceled ends with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.catalogue import LLM_EFFECT, TERMINAL_LIFECYCLES, TOOL_EFFECT, TOOL_REQUESTED
from ..core.projections.tool_use import ToolUse, with_ending, with_report
from ..core.signal import Recorded, values_of
from .values import as_int, as_mapping, as_text

TOOL_TYPES = (f"{LLM_EFFECT}.*", f"{TOOL_EFFECT}.*", TOOL_REQUESTED)

ENDED = frozenset({"completed", "failed", "denied"})


@dataclass(eq=False)
class ToolCall:
    """One call of a tool. `recorded` is the first signal that tells of it; times are microseconds UTC since 1970."""

    recorded: Recorded
    effect_id: str
    attempt: int
    use: ToolUse
    kind: str | None = None
    """client: the model asks for it; server: the provider or agent runs it; function: the runtime runs it."""
    ended_us: int | None = None
    reason: str | None = None
    turn: int | None = None

    @property
    def seq(self) -> int:
        return self.recorded.seq

    @property
    def duration_ms(self) -> float | None:
        """From the first to the last that was told of it; None while it runs, and where all was told at once."""
        if self.ended_us is None or self.ended_us == self.recorded.signal.time_us:
            return None
        return (self.ended_us - self.recorded.signal.time_us) / 1000

    def report(self, data: Mapping[str, Any], time_us: int) -> None:
        """Take in what a signal tells of it."""
        (self.use,) = with_report((self.use,), {**data, "tool_call_id": self.use.id})
        if self.use.status in ENDED and self.ended_us is None:
            self.ended_us = time_us


Calls = dict[tuple[int, str], ToolCall]
"""The calls of one effect, by attempt and id."""


def fold_tools(log: Iterable[Recorded], turns: Mapping[tuple[str, str], int] | None = None) -> Iterator[ToolCall]:
    """The calls of each effect as soon as it has ended, then those of effects that still run."""
    running: dict[tuple[str, str], Calls] = {}
    asked: dict[tuple[str, str], Any] = {}
    for recorded in log:
        signal = recorded.signal
        data = values_of(signal.data)
        if signal.type == TOOL_REQUESTED:
            asked[signal.subject, signal.id] = data.get("arguments")
            continue
        key = (signal.subject, str(data.get("effect_id")))
        calls = running.setdefault(key, {})
        before = len(calls)
        if signal.type.startswith(TOOL_EFFECT):
            _run(calls, recorded, data, asked.get((signal.subject, signal.cause_id or "")))
        else:
            _told(calls, recorded, data)
        if turns and len(calls) > before:
            for call in calls.values():
                call.turn = turns.get(key)
        _cut_off(calls.values(), data, signal.time_us)
        if data.get("lifecycle") in TERMINAL_LIFECYCLES:
            yield from running.pop(key).values()
    for calls in running.values():
        yield from calls.values()


def _cut_off(calls: Iterable[ToolCall], data: Mapping[str, Any], time_us: int) -> None:
    """End what had not ended with the attempt that the signal ends, if it ends one badly."""
    ending = "failed" if data.get("status") == "retrying" else data.get("lifecycle")
    if ending in ("failed", "canceled"):
        for call in calls:
            (ended,) = with_ending((call.use,), ending)
            if ended is not call.use:
                call.use, call.ended_us = ended, time_us


def _told(calls: Calls, recorded: Recorded, data: Mapping[str, Any]) -> None:
    """What a signal of a generation tells of its calls."""
    attempt, time_us = as_int(data.get("attempt")) or 1, recorded.signal.time_us
    if data.get("tool_call_id") or data.get("tool_name"):
        _call(calls, recorded, data, attempt, data.get("tool_call_id") or data.get("tool_name")).report(data, time_us)
    requests = as_mapping(data.get("result")).get("tool_calls")
    for request in requests if isinstance(requests, list) else ():
        facts = as_mapping(request)
        id = str(facts.get("id"))
        known = (attempt, id) in calls
        call = _call(calls, recorded, data, attempt, id)
        call.kind = as_text(facts.get("kind"))
        if not known:
            call.use = ToolUse(id, as_text(facts.get("name")) or "tool", "requested", facts.get("arguments"))


def _run(calls: Calls, recorded: Recorded, data: Mapping[str, Any], arguments: Any) -> None:
    """What a signal of a tool effect tells of the function that it runs."""
    lifecycle, status = as_text(data.get("lifecycle")) or "", data.get("status")
    call = _call(calls, recorded, data, as_int(data.get("attempt")) or 1, data.get("tool_call_id") or "function")
    call.kind = "function"
    told = {"tool_name": data.get("tool_name"), "tool_status": "running", "tool_input": arguments}
    if status == "retrying":
        told["tool_status"] = "failed"
    elif lifecycle in TERMINAL_LIFECYCLES:
        told |= {"tool_status": lifecycle, "tool_output": as_mapping(data.get("result")).get("output")}
    call.report(told, recorded.signal.time_us)
    call.reason = as_text(data.get("reason"))
    if lifecycle in TERMINAL_LIFECYCLES and call.ended_us is None:
        call.ended_us = recorded.signal.time_us


def _call(calls: Calls, recorded: Recorded, data: Mapping[str, Any], attempt: int, id: Any) -> ToolCall:
    key = (attempt, str(id))
    call = calls.get(key)
    if call is None:
        name = as_text(data.get("tool_name")) or "tool"
        call = calls[key] = ToolCall(recorded, str(data.get("effect_id")), attempt, ToolUse(str(id), name, "pending"))
    return call
