"""One turn as phases, each with a beginning, an end and a name; pure, so that the picture has nothing to decide."""

from collections.abc import Iterable
from typing import NamedTuple

from ...core.catalogue import CONTROL_TYPES, MESSAGE_RECEIVED
from ...core.signal import Recorded, Signal
from ..attempts import Attempt, Effect
from ..chunks import Arrival, arrivals_of
from ..folding import apply, effect_of
from ..told import told_by
from ..values import as_int, as_text
from ..words import counted


class Phase(NamedTuple):
    """One row of the picture. Times are milliseconds since the turn began; `marks` are arrivals of chunks."""

    name: str
    kind: str
    """queued, first chunk, thinking, text, discarded, wait, tool, or the outcome of an attempt that sent no chunk."""
    begin_ms: float
    end_ms: float
    note: str = ""
    marks: tuple[float, ...] = ()


class TurnPhases(NamedTuple):
    """A turn: its phases in order, how it ended, and when somebody asked to cancel it (ms, who or what)."""

    effect_id: str
    conversation_id: str
    status: str
    phases: list[Phase]
    end_ms: float
    cancels: list[tuple[float, str]]


def turn_phases(log: Iterable[Recorded], effect_id: str | None = None) -> TurnPhases | None:
    """The phases of one effect, by default the one that began last; None if there is none in the log."""
    records = list(log)
    wanted = _wanted(records, effect_id)
    if wanted is None:
        return None
    subject, effect_id = wanted
    effect: Effect | None = None
    arrivals: dict[int, list[Arrival]] = {}
    known: dict[str, Signal] = {}
    tools: list[tuple[int, str]] = []
    request: Signal | None = None
    for seq, signal in records:
        if signal.subject != subject:
            continue
        if signal.type == MESSAGE_RECEIVED or signal.type in CONTROL_TYPES:
            known[signal.id] = signal
        if not signal.type.startswith("conv.effect.") or signal.data.get("effect_id") != effect_id:
            continue
        told = told_by(Recorded(seq, signal))
        if effect is None:
            effect = effect_of(told)
        if effect.status != "running":
            break
        apply(effect, told)
        if effect.attempts:
            attempt = effect.attempts[-1]
            since_start_ms = (signal.time_us - attempt.started_us) / 1000
            arrivals.setdefault(attempt.number, []).extend(arrivals_of(told.payload, since_start_ms))
        if tool := as_text(signal.data.get("tool_name")):
            tools.append((signal.time_us, f"{tool} {as_text(signal.data.get('tool_status')) or ''}".strip()))
        if signal.data.get("lifecycle") == "canceled" and signal.cause_id in known:
            request = known[signal.cause_id]
    if effect is None:
        return None
    cancel = request if request is not None and request.type in CONTROL_TYPES else None
    return _phases(effect, arrivals, tools, known.get(effect.cause_id or ""), cancel)


def _wanted(records: list[Recorded], effect_id: str | None) -> tuple[str, str] | None:
    found = None
    for _, signal in records:
        if signal.type.startswith("conv.effect.") and signal.data.get("lifecycle") == "started":
            key = (signal.subject, str(signal.data.get("effect_id")))
            if effect_id in (None, key[1]):
                found = key
    return found


def _phases(
    effect: Effect,
    arrivals: dict[int, list[Arrival]],
    tools: list[tuple[int, str]],
    message: Signal | None,
    cancel: Signal | None,
) -> TurnPhases:
    started_us = effect.started_us or effect.ended_us or 0
    zero_us = message.time_us if message is not None else started_us
    phases = []
    if message is not None:
        phases.append(Phase("queued", "queued", 0.0, (started_us - zero_us) / 1000))
    for attempt in effect.attempts:
        phases += _attempt_phases(attempt, arrivals.get(attempt.number, []), zero_us)
    phases += [Phase(name, "tool", at, at, "") for at, name in (((us - zero_us) / 1000, name) for us, name in tools)]
    phases.sort(key=lambda phase: phase.begin_ms)
    last_us = max([effect.ended_us or 0, *(attempt.last_us for attempt in effect.attempts)])
    if effect.recovered:
        last_us = max((attempt.last_us for attempt in effect.attempts), default=started_us)
    asked = [] if cancel is None else [((cancel.time_us - zero_us) / 1000, _who(cancel))]
    return TurnPhases(
        effect.effect_id, effect.conversation_id, effect.status, phases, (last_us - zero_us) / 1000, asked
    )


def _attempt_phases(attempt: Attempt, arrivals: list[Arrival], zero_us: int) -> list[Phase]:
    begin = (attempt.started_us - zero_us) / 1000
    length = attempt.duration_ms if attempt.duration_ms is not None else (attempt.last_us - attempt.started_us) / 1000
    end = begin + length
    name = f"attempt {attempt.number}"
    phases = []
    first = begin + arrivals[0][0] if arrivals else end
    if not arrivals:
        phases.append(Phase(name, attempt.outcome, begin, end, _verdict(attempt)))
    else:
        phases.append(Phase(f"{name}: first chunk", "first chunk", begin, first))
        kinds = [kind for kind in ("thinking", "text") if any(arrival[1] == kind for arrival in arrivals)]
        for kind in kinds:
            marks = tuple(begin + at for at, its_kind, _ in arrivals if its_kind == kind)
            until = end if kind == kinds[-1] else marks[-1]
            characters = sum(chars for _, its_kind, chars in arrivals if its_kind == kind)
            note = f"{counted(len(marks), 'chunk')}, {counted(characters, 'character')}"
            if kind == kinds[-1]:
                note += f"; {_verdict(attempt)}" if attempt.outcome != "running" else "; running"
            look = "discarded" if attempt.discarded else kind
            phases.append(Phase(f"{name}: {kind}", look, marks[0], until, note, marks))
    if attempt.outcome == "retried":
        later = [other for other in attempt.effect.attempts if other.number > attempt.number]
        ends_us = later[0].started_us if later else attempt.effect.ended_us
        until = end + (attempt.wait_ms or 0.0) if ends_us is None else (ends_us - zero_us) / 1000
        asked = as_int(attempt.retry_after_ms)
        note = f"the server asked for {asked} ms" if asked else ""
        phases.append(Phase(f"wait {attempt.number}", "wait", end, until, note))
    return phases


def _verdict(attempt: Attempt) -> str:
    if attempt.outcome in ("failed", "retried"):
        why = attempt.http_status or attempt.timeout or attempt.error_category or ""
        return f"failed: {why}" + (", text discarded" if attempt.discarded else "")
    return attempt.outcome


def _who(control: Signal) -> str:
    by = as_text(control.data.get("requested_by"))
    return f"cancel asked by {by}" if by else "cancel asked"
