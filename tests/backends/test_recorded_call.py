"""What a log tells of an attempt is enough to live it again, piece by piece."""

from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jido_nb.backends.recorded.call import REPLAYED, Call, Cancel, call_of
from jido_nb.core.signal import Signal
from jido_nb.llm.error import LLMError
from jido_nb.llm.event import AgentRetry, LLMEvent, Retraction
from jido_nb.llm.result import LLMResult, ToolCall
from jido_nb.llm.usage import Usage
from jido_nb.runtime.joiner import DeltaJoiner
from jido_nb.testing.builders import signal

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
tools = st.builds(
    ToolCall, id=text, name=text, arguments=st.dictionaries(text, st.integers()), status=st.just("completed")
)
asides = st.one_of(
    st.builds(Retraction, text=st.integers(0, 9), thinking=st.integers(0, 9)),
    st.builds(
        AgentRetry,
        attempt=st.integers(1, 9),
        wait_ms=st.floats(0, 99),
        reason=text,
        status=st.sampled_from([None, 529]),
    ),
)
pieces = st.one_of(
    st.builds(lambda t: LLMEvent("delta", 0, delta=t), text),
    st.builds(lambda t: LLMEvent("thinking", 0, thinking=t), text),
    st.builds(lambda t: LLMEvent("tool", 0, tool=t), tools),
    st.builds(lambda a: LLMEvent("delta", 0, aside=a), asides),
)


def log_of(events: list[LLMEvent], gap_ms: float, *ending: dict[str, Any]) -> list[Signal]:
    """The lifecycle of an effect that streamed `events`, as the runtime would write it."""
    joiner, at = DeltaJoiner(30), 0.0
    payloads: list[dict[str, Any]] = [{"lifecycle": "started", "attempt": 1}]
    for event in events:
        payloads += [{"lifecycle": "progress", "attempt": 1, **payload} for payload in joiner.offer(event, at)]
        at += gap_ms
    if (left := joiner.take(at)) is not None:
        payloads.append({"lifecycle": "progress", "attempt": 1, **left})
    payloads += ending or [{"lifecycle": "completed", "attempt": 1, "result": LLMResult(text="done").to_payload()}]
    return [signal(f"conv.effect.llm.generation.{each['lifecycle']}", effect_id="e", **each) for each in payloads]


def told(events: list[LLMEvent]) -> list[Any]:
    """What they say, between anything else text and thinking each as one piece."""
    story: list[Any] = []
    for plain, group in groupby(events, lambda event: event.tool is None and event.aside is None):
        run = list(group)
        if plain:
            story.append(("".join(event.delta for event in run), "".join(event.thinking for event in run)))
        else:
            story += [event.tool or event.aside for event in run]
    return story


def read(log: list[Signal], attempt: int = 1, response: dict[str, Any] | None = None) -> Call:
    call = call_of(log, attempt, response)
    assert call is not None
    return call


@given(st.lists(pieces, max_size=20), st.sampled_from([0.0, 7.0, 50.0]))
def test_any_stream_comes_back_as_it_was(events: list[LLMEvent], gap_ms: float) -> None:
    call = read(log_of(events, gap_ms))
    again = [event for _, event in call.events]
    assert told(again) == told(events)
    assert [e.delta for e in again if e.delta] == [e.delta for e in events if e.delta]
    assert [e.thinking for e in again if e.thinking] == [e.thinking for e in events if e.thinking]
    assert isinstance(call.ending, LLMResult)
    assert call.ending.metadata == {REPLAYED: True}


def test_a_failure_keeps_its_category_its_usage_and_what_it_says() -> None:
    error = LLMError.of("provider", "overloaded", status=529, retry_after_ms=10)
    usage = {**Usage(5, 9).to_payload(), "estimated": True}
    remains = {"attempt": 1, "partial_text": "hal", "usage": usage, "duration_ms": 12.5}
    call = read(log_of([], 0, {"lifecycle": "progress", "status": "retrying", **remains, **error.to_payload()}))
    again = call.ending
    assert isinstance(again, LLMError)
    assert (again.category, again.message, again.retryable, again.retry_after_ms) == (
        "provider",
        "overloaded",
        True,
        10,
    )
    # A count that was guessed from the text is guessed again.
    assert again.usage == Usage(input_tokens=5)
    assert (again.partial_text, call.end_ms, call.then) == ("hal", 12.5, None)


def test_a_cancel_is_that_of_the_attempt_or_of_the_wait_after_it() -> None:
    canceled = {
        "lifecycle": "canceled",
        "attempt": 1,
        "reason": "enough",
        "requested_by": "Ada",
        "backend_cancel": "ok",
    }
    expected = Cancel("enough", "Ada", {"backend_cancel": "ok"})
    streaming = read(log_of([LLMEvent("delta", 0, delta="x")], 0, canceled), response={"model": "m"})
    assert streaming.ending == expected
    assert streaming.events[0][1].metadata == {"model": "m"}
    failed = {"lifecycle": "progress", "status": "retrying", "attempt": 1, **LLMError("transport", "cut").to_payload()}
    waiting = read(log_of([], 0, failed, canceled))
    assert isinstance(waiting.ending, LLMError)
    assert waiting.then == expected


def test_each_attempt_is_its_own_and_one_without_an_end_is_none() -> None:
    failed = {"lifecycle": "progress", "status": "retrying", "attempt": 1, **LLMError("transport", "cut").to_payload()}
    begun = {"lifecycle": "progress", "status": "retry_attempt_started", "attempt": 2}
    log = log_of([LLMEvent("delta", 0, delta="first")], 0, failed, begun)
    assert isinstance(read(log).ending, LLMError)
    assert call_of(log, 2, None) is None
    result = {"lifecycle": "completed", "attempt": 2, "result": LLMResult(text="second").to_payload()}
    second = read(log_of([LLMEvent("delta", 0, delta="first")], 0, failed, begun, result), attempt=2)
    assert isinstance(second.ending, LLMResult)
    assert (second.ending.text, second.events) == ("second", [])
