"""A turn is what its signals say, of the last attempt only."""

from typing import Any

import pytest

from jido_nb.core.projections.turn import TurnView
from jido_nb.core.signal import Signal, make_signal

EFFECT = "llm-generation-m1"
T0 = 1_700_000_000_000_000


class Story:
    """Signals of one effect, one millisecond apart unless `after_ms` says otherwise."""

    def __init__(self, effect_id: str = EFFECT, subject: str = "c1") -> None:
        self.effect_id = effect_id
        self.subject = subject
        self.now_us = T0
        self.count = 0

    def signal(self, type: str, data: dict[str, Any], after_ms: float = 1) -> Signal:
        self.count += 1
        self.now_us += round(after_ms * 1000)
        return make_signal(
            id=f"s{self.count}",
            type=type,
            source="/test",
            subject=self.subject,
            time_us=self.now_us,
            data=data,
            extensions={"contract_major": 1},
        )

    def effect(self, lifecycle: str, after_ms: float = 1, **data: Any) -> Signal:
        base = {"effect_id": self.effect_id, "lifecycle": lifecycle, "effect_class": "llm", "kind": "generation"}
        return self.signal(f"conv.effect.llm.generation.{lifecycle}", {**base, "attempt": 1, **data}, after_ms)

    def started(self, **data: Any) -> Signal:
        asked = {"backend": "jido_ai", "provider": "simulated", "model": "story", "stream": True}
        return self.effect("started", **{**asked, "max_attempts": 3, "timeout_ms": 30_000, **data})

    def delta(self, text: str, attempt: int = 1, **data: Any) -> Signal:
        return self.effect("progress", status="streaming", token_delta=text, attempt=attempt, **data)

    def retrying(self, attempt: int = 1, **data: Any) -> Signal:
        facts = {"reason": "503 overloaded", "error_category": "provider", "wait_ms": 120, "discarded": True}
        return self.effect("progress", status="retrying", attempt=attempt, **{**facts, **data})

    def again(self, attempt: int = 2) -> Signal:
        return self.effect("progress", status="retry_attempt_started", attempt=attempt)

    def completed(self, text: str, attempt: int = 1, **result: Any) -> Signal:
        usage = {"input_tokens": 3, "output_tokens": 5}
        whole = {"status": "completed", "text": text, "usage": usage, "model": "story-1", "tool_calls": [], **result}
        return self.effect("completed", attempt=attempt, result=whole, duration_ms=9.0)


def played(*signals: Signal, effect_id: str | None = None) -> tuple[TurnView, list[tuple[str, str]]]:
    view = TurnView(effect_id)
    events = [(event.kind, event.text) for signal in signals for event in view.apply(signal)]
    return view, events


def test_a_streamed_answer_is_the_sum_of_its_deltas_and_then_the_result() -> None:
    story = Story()
    view, events = played(story.started(), story.delta("Hel"), story.delta("lo"), story.completed("Hello"))
    assert events == [("started", ""), ("delta", "Hel"), ("delta", "lo"), ("completed", "Hello")]
    assert (view.status, view.text, view.model, view.asked_model) == ("completed", "Hello", "story-1", "story")
    assert (view.backend, view.provider, view.stream, view.max_attempts) == ("jido_ai", "simulated", True, 3)
    assert view.usage == {"input_tokens": 3, "output_tokens": 5}
    assert view.run.number == 0
    assert view.events == 4


def test_a_message_opens_the_turn_that_answers_it() -> None:
    story = Story()
    message = story.signal("conv.in.message.received", {"message_id": "m1", "ingress": "x", "content": "hello?"})
    view = TurnView()
    assert view.apply(message) == []
    assert (view.effect_id, view.prompt, view.status) == (f"llm-generation-{message.id}", "hello?", "queued")


@pytest.mark.parametrize("discarded", [True, False])
def test_a_retry_voids_what_the_attempt_before_it_streamed(discarded: bool) -> None:
    story = Story()
    signals = [
        story.started(),
        story.effect("progress", status="thinking", thinking_delta="hm"),
        story.delta("wrong"),
        story.effect("progress", status="tool", tool_name="search", tool_call_id="t1", tool_status="running"),
        story.retrying(discarded=discarded),
    ]
    view, events = played(*signals)
    assert (view.text, view.thinking, view.tools, view.run.number) == ("", "", (), 1)
    assert events[-1] == ("retrying", "")
    assert view.retry is not None
    assert (view.retry.wait_ms, view.retry.until_us) == (120, story.now_us + 120_000)

    for signal in (story.again(), story.delta("right", attempt=2), story.completed("right", attempt=2)):
        view.apply(signal)
    assert (view.text, view.attempt, view.retry, len(view.retries)) == ("right", 2, None, 1)


def test_each_attempt_announces_itself() -> None:
    story = Story()
    _, events = played(story.started(), story.retrying(discarded=False), story.again())
    assert events == [("started", ""), ("retrying", ""), ("started", "")]


def test_a_late_delta_of_an_attempt_that_is_over_changes_nothing() -> None:
    story = Story()
    view, _ = played(story.started(), story.retrying(), story.again(), story.delta("late", attempt=1))
    assert view.text == ""


def test_the_first_chunk_is_timed_at_its_arrival_not_at_the_joined_signal() -> None:
    story = Story()
    view, _ = played(story.started(), story.delta("abc", chunks=[[4.5, 1], [30.0, 2]], after_ms=40))
    assert view.first_chunk_ms == 4.5


@pytest.mark.parametrize(
    ("lifecycle", "data", "reason"),
    [
        ("failed", {"reason": "503 overloaded", "error_category": "provider", "retryable": True}, "503 overloaded"),
        ("canceled", {"reason": "user_cancel", "requested_by": "widget"}, "user_cancel"),
    ],
)
def test_an_ending_keeps_the_partial_text_and_says_why(lifecycle: str, data: dict[str, Any], reason: str) -> None:
    story = Story()
    view, events = played(story.started(), story.delta("half"), story.effect(lifecycle, partial_text="half", **data))
    assert (view.status, view.text, view.reason) == (lifecycle, "half", reason)
    assert events[-1] == (lifecycle, "half")
    assert (view.error is not None) == (lifecycle == "failed")
    assert (view.cancel is not None) == (lifecycle == "canceled")


def test_nothing_changes_after_the_end() -> None:
    story = Story()
    view, _ = played(story.started(), story.completed("done"))
    assert view.apply(story.delta(" more")) == []
    assert view.apply(story.effect("canceled", reason="late")) == []
    assert (view.status, view.text) == ("completed", "done")


@pytest.mark.parametrize(("effect_id", "subject"), [("llm-generation-other", "c1"), (EFFECT, "c2")])
def test_signals_of_other_turns_change_nothing(effect_id: str, subject: str) -> None:
    story, other = Story(), Story(effect_id, subject)
    view, _ = played(story.started())
    assert view.apply(other.delta("noise")) == []
    assert view.apply(story.signal("conv.out.assistant.delta", {"effect_id": EFFECT, "delta": "noise"})) == []
    assert view.text == ""


def test_a_result_that_is_not_what_was_streamed_starts_a_new_run() -> None:
    story = Story()
    view, _ = played(story.started(), story.delta("abc"), story.completed("xyz"))
    assert (view.text, view.run.number) == ("xyz", 1)


def test_tools_keep_their_input_when_their_output_comes() -> None:
    story = Story()
    call = {"status": "tool", "tool_name": "search", "tool_call_id": "t1"}
    view, events = played(
        story.started(),
        story.effect("progress", **call, tool_status="running", tool_input={"q": 1}),
        story.effect("progress", **call, tool_status="completed", tool_output="two"),
        story.completed(
            "ok", tool_calls=[{"id": "t1", "name": "search"}, {"id": "t2", "name": "buy", "arguments": {}}]
        ),
    )
    assert [(tool.id, tool.status) for tool in view.tools] == [("t1", "completed"), ("t2", "requested")]
    assert (view.tools[0].input, view.tools[0].output) == ({"q": 1}, "two")
    assert [kind for kind, _ in events] == ["started", "tool", "tool", "completed"]


@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_a_tool_that_had_not_ended_ends_with_the_turn(ending: str) -> None:
    story = Story()
    call = {"status": "tool", "tool_name": "shell"}
    view, _ = played(
        story.started(),
        story.effect("progress", **call, tool_call_id="t1", tool_status="completed"),
        story.effect("progress", **call, tool_call_id="t2", tool_status="running"),
        story.effect(ending, reason="enough"),
    )
    assert [tool.status for tool in view.tools] == ["completed", ending]


def test_elapsed_time_stands_still_after_the_end() -> None:
    story = Story()
    view, _ = played(story.started())
    assert view.elapsed_ms(T0 + 501_000) == 500
    view.apply(story.effect("canceled", after_ms=250, reason="x"))
    assert view.elapsed_ms(T0 + 9_000_000) == 250
