"""Hypothesis strategies for conversations: what is said, in which order it arrives, and where work is interrupted.

A *story* is what one effect writes, from the signal that asks for it to its end, each signal caused by those before.
Stories hold no outputs and no markers: those follow from them (see `live_log.LiveLog`).
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from ..core.catalogue import (
    ABORT_REQUESTED,
    CANCEL_REQUESTED,
    EFFECT_PREFIXES,
    MESSAGE_RECEIVED,
    STOP_REQUESTED,
    TIMER_TICK,
    TOOL_REQUESTED,
)
from ..core.signal import Signal
from .builders import START_US, signal

T = TypeVar("T")

_ASKS = {"llm": MESSAGE_RECEIVED, "tool": TOOL_REQUESTED, "timer": TIMER_TICK}
_KINDS = {"llm": "llm-generation", "tool": "tool-execution", "timer": "timer-wait"}


def json_values() -> st.SearchStrategy[Any]:
    """Any value that JSON can hold, of moderate size."""
    numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    )


def pieces() -> st.SearchStrategy[list[str]]:
    """What a model may stream: any text, white space and single characters included."""
    piece = st.text(min_size=1, max_size=12) | st.sampled_from([" ", "\n", "\n\n", "\t", "word ", "</script>", "🙂"])
    return st.lists(piece, min_size=1, max_size=6)


@st.composite
def stories(draw: st.DrawFn, subject: str = "c1", name: str = "m1") -> list[Signal]:
    """One effect of any class, from what asks for it to its end; sometimes it has none, as after a crash.

    `name` is the id of the signal that asks for it; all other ids follow from it.
    """
    effect_class = draw(st.sampled_from(["llm", "llm", "tool", "timer"]))
    effect_id = f"{_KINDS[effect_class]}-{name}"
    told = [signal(_ASKS[effect_class], subject, id=name, content=draw(st.text(max_size=8)))]

    def tell(lifecycle: str, **data: Any) -> None:
        count = len(told) - 1
        told.append(
            signal(
                f"{EFFECT_PREFIXES[effect_class]}.{lifecycle}",
                subject,
                id=f"{effect_id}/{count}",
                cause_id=name,
                time_us=START_US + 1000 * count,
                **{"effect_id": effect_id, "lifecycle": lifecycle, "effect_class": effect_class, **data},
            )
        )

    attempts = draw(st.integers(1, 3))
    tell("started", attempt=1, backend="jido_ai")
    for attempt in range(1, attempts + 1):
        if attempt > 1:
            tell("progress", attempt=attempt, status="retry_attempt_started")
        text = draw(pieces()) if effect_class == "llm" else []
        for sequence, piece in enumerate(text):
            chunks = [[10.0 * sequence, len(piece)]]
            tell("progress", attempt=attempt, status="streaming", token_delta=piece, sequence=sequence, chunks=chunks)
        if attempt < attempts:
            discarded = bool(text)
            tell("progress", attempt=attempt, status="retrying", error_category="provider", discarded=discarded)
    ending = draw(st.sampled_from(["completed", "failed", "canceled", None]))
    if ending == "completed":
        tell(ending, attempt=attempts, result={"status": ending, "text": "".join(text)})
    elif ending is not None:
        tell(ending, attempt=attempts, reason="because", partial_text="".join(text))
    return told


@st.composite
def remarks(draw: st.DrawFn, subject: str = "c1", name: str = "r1") -> list[Signal]:
    """One signal that starts nothing: a control signal, a note for the audit, or one of a type nobody knows."""
    kinds = [ABORT_REQUESTED, STOP_REQUESTED, CANCEL_REQUESTED, "conv.audit.note", "conv.in.weather.changed"]
    return [signal(draw(st.sampled_from(kinds)), subject, id=name)]


@st.composite
def libraries(draw: st.DrawFn, max_stories: int = 5, subjects: Sequence[str] = ("c1", "c2")) -> list[list[Signal]]:
    """Several stories and remarks of several conversations. The same ids occur in all conversations."""
    count = draw(st.integers(1, max_stories))
    found = []
    for number in range(count):
        subject = draw(st.sampled_from(list(subjects)))
        found.append(draw(stories(subject, f"m{number}") | remarks(subject, f"m{number}")))
    return found


@st.composite
def interleavings(draw: st.DrawFn, sequences: Sequence[Sequence[T]]) -> list[T]:
    """Any order of all items that keeps each sequence in its own order."""
    turns = draw(st.permutations([index for index, items in enumerate(sequences) for _ in items]))
    sources = [iter(items) for items in sequences]
    return [next(sources[index]) for index in turns]


def arrivals(max_stories: int = 5) -> st.SearchStrategy[list[Signal]]:
    """The signals of several stories in any order that causality allows."""
    return libraries(max_stories).flatmap(interleavings)


@st.composite
def cuts(draw: st.DrawFn, items: Sequence[T]) -> list[Sequence[T]]:
    """`items` cut into consecutive parts, anywhere."""
    borders = sorted(draw(st.sets(st.integers(1, max(1, len(items) - 1)), max_size=8)))
    return [items[start:end] for start, end in zip([0, *borders], [*borders, len(items)], strict=True)]
