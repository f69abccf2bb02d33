"""The simplest thing that keeps every promise of a journal: a list, searched from end to end.

Journals are compared with it. It has no index, no lock and no wit, so that it can be read and believed.
Beside it: Hypothesis strategies for what journals are asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from ..core.catalogue import APPLIED, EFFECT_PREFIXES, TERMINAL_LIFECYCLES
from ..core.pattern import compile_types, matches_any
from ..core.reducer import effect_id_of
from ..core.signal import Recorded, Signal
from ..journal.protocol import Appended
from .builders import signal

SUBJECTS = ("c1", "c2", "project/p%2F1/conversation/c+1")
IDS = ("m1", "m2", "m3", "m4", "M1", "m1/out/0", "naïve ☃", "'); DROP TABLE signals; --")
TYPES = (
    "conv.in.message.received",
    "conv.in.timer.tick",
    "conv.in.tool.requested",
    "conv.in.",
    "conv.in.control.abort_requested",
    "conv.out.assistant.delta",
    "conv.audit.x.completed",
    *(f"{prefix}.{end}" for prefix in EFFECT_PREFIXES.values() for end in ("started", "progress", "completed")),
    *("conv.effect.llm.generation.failed", "conv.effect.llm.generation.canceled"),
)
BACKENDS = ("jido_ai", "harness", "b' OR 1")
PATTERNS = (
    *("**", "conv.**", "conv.in.**", "conv.effect.**", "conv.effect.llm.generation.*", "conv.*.message.received"),
    *("**.completed", "conv.**.progress", "conv.effect.*.*.started", "conv.in.message.received", "conv.nothing.**"),
)


@dataclass
class ListJournal:
    """What is kept, in order; `seq` is the place in the list, counted from 1."""

    records: list[Recorded] = field(default_factory=list)

    def append(self, signals: Sequence[Signal]) -> list[Appended]:
        answer = []
        for each in signals:
            known = self.find(each.id, each.subject)
            if known is None:
                self.records.append(Recorded(len(self.records) + 1, each))
            answer.append(Appended(known or self.records[-1], known is not None))
        return answer

    def find(self, signal_id: str, subject: str | None = None) -> Recorded | None:
        for recorded in self.records:
            if recorded.signal.id == signal_id and subject in (None, recorded.signal.subject):
                return recorded
        return None

    def read(self, **asked: Any) -> list[Recorded]:
        patterns = compile_types(asked.get("types"))
        until = asked.get("until_seq")
        found = [
            recorded
            for recorded in self.records
            if matches_any(patterns, recorded.signal.type)
            and asked.get("subject") in (None, recorded.signal.subject)
            and asked.get("effect_id") in (None, recorded.signal.data.get("effect_id"))
            and _names(recorded.signal, asked.get("backend"))
            and asked.get("since_us", recorded.signal.time_us) <= recorded.signal.time_us
            and asked.get("until_us", recorded.signal.time_us + 1) > recorded.signal.time_us
            and recorded.seq > asked.get("after_seq", 0)
            and (until is None or recorded.seq <= until)
        ]
        if asked.get("newest_first"):
            found.reverse()
        return found[: asked.get("limit")]

    def subjects(self) -> list[str]:
        return list(dict.fromkeys(recorded.signal.subject for recorded in self.records))

    def unfinished_effects(self) -> list[Recorded]:
        return [recorded for recorded in self.records if self._is_unfinished(recorded)]

    def unapplied(self) -> list[Recorded]:
        covered = {
            (recorded.signal.subject, id)
            for recorded in self.records
            if recorded.signal.type == APPLIED
            for id in recorded.signal.data["applied_event_ids"]
        }
        return [
            recorded
            for recorded in self.records
            if recorded.signal.type != APPLIED and (recorded.signal.subject, recorded.signal.id) not in covered
        ]

    def _is_unfinished(self, recorded: Recorded) -> bool:
        lifecycles = self._lifecycles(recorded.signal.subject, str(recorded.signal.data.get("effect_id")))
        if recorded.signal.type.endswith(".started") and recorded.signal.type.startswith("conv.effect."):
            first = next(each for each in lifecycles if each.signal.data["lifecycle"] == "started")
            return recorded == first and not any(
                each.signal.data["lifecycle"] in TERMINAL_LIFECYCLES for each in lifecycles
            )
        asked_for = effect_id_of(recorded.signal)
        if asked_for is None:
            return False
        seen = {each.signal.data["lifecycle"] for each in self._lifecycles(recorded.signal.subject, asked_for)}
        return not seen - {"progress"}

    def _lifecycles(self, subject: str, effect_id: str) -> list[Recorded]:
        return [
            recorded
            for recorded in self.read(types="conv.effect.**", subject=subject)
            if recorded.signal.data["effect_id"] == effect_id
        ]


def _names(each: Signal, backend: str | None) -> bool:
    return backend is None or (
        each.type.startswith(("conv.effect.", "conv.out.")) and each.data.get("backend") == backend
    )


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    """Signals of few conversations, ids and effects, so that duplicates, retries and endings meet."""
    type = draw(st.sampled_from(TYPES))
    data: dict[str, Any] = {"extra": draw(json_values), "time_us": draw(st.integers(0, 5))}
    if type.startswith(("conv.effect.", "conv.out.")):
        kind = "-".join(type.split(".")[2:4]) if type.startswith("conv.effect.") else "llm-generation"
        data["effect_id"] = f"{kind}-{draw(st.sampled_from(IDS[:3]))}"
        data["attempt"] = draw(st.sampled_from([1, 2, "one", None, True, 2**70]))
        data["model"] = draw(json_values)
    if draw(st.booleans()):
        data["backend"] = draw(st.sampled_from((*BACKENDS, None, 1)))
    return signal(
        type,
        draw(st.sampled_from(SUBJECTS)),
        id=draw(st.sampled_from(IDS)),
        cause_id=draw(st.none() | st.sampled_from(IDS)),
        project_id=draw(st.none() | st.just("p/1")),
        extensions=draw(st.just({}) | st.fixed_dictionaries({"traceparent": st.text(), "depth": json_values})),
        **data,
    )


questions = st.fixed_dictionaries(
    {},
    optional={
        "types": st.sampled_from(PATTERNS) | st.lists(st.sampled_from(PATTERNS), max_size=3),
        "subject": st.sampled_from((*SUBJECTS, "nobody")),
        "after_seq": st.integers(-1, 20),
        "until_seq": st.integers(-1, 20),
        "effect_id": st.sampled_from([f"llm-generation-{id}" for id in IDS[:3]]),
        "since_us": st.integers(-1, 6),
        "until_us": st.integers(-1, 6),
        "backend": st.sampled_from(BACKENDS),
        "limit": st.integers(0, 12),
        "newest_first": st.booleans(),
    },
)
"""Arguments of `read`."""
