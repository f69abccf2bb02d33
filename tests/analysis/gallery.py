"""A log with something of everything, for pictures that are always the same."""

from typing import Any

from jido_nb.core.signal import Recorded

from .conftest import Story, usage

PRICES = {"story-1": 0.000_02, "capable-2": 0.000_15}


def gallery() -> list[Recorded]:
    """Three conversations on two backends in an afternoon, one of them two hours later."""
    weather = Story("weather")
    _retried(weather, 0, "m1")
    _answer(weather, 900, "m2", chunks=30, pause_ms=9.0, thinking=12)
    _canceled(weather, 1500, "m3")
    primes = Story("primes", weather)
    _answer(primes, 150, "m1", chunks=24, pause_ms=21.0, model="capable-2")
    _refused(primes, 1250, "m2")
    agent = Story("project/lab/conversation/agent", weather)
    two_hours = 7_200_000
    _answer(agent, two_hours, "m1", chunks=18, pause_ms=14.0, backend="harness", burst=5)
    _answer(agent, two_hours + 700, "m2", chunks=40, pause_ms=14.0, backend="harness", burst=8)
    return agent.log


def _ask(story: Story, at_ms: float, id: str, **asked: Any) -> Any:
    effect = story.message(at_ms, id, f"question {id}")
    effect.asked |= asked
    effect.start(at_ms + 2)
    return effect


def _answer(
    story: Story,
    at_ms: float,
    id: str,
    *,
    chunks: int,
    pause_ms: float,
    thinking: int = 0,
    burst: int = 1,
    model: str = "story-1",
    backend: str = "jido_ai",
) -> None:
    """`burst` chunks come together; pauses grow and shrink a little, as they do."""
    effect = _ask(story, at_ms, id, model=model, backend=backend)
    came = 60.0
    arrivals = []
    for number in range(thinking + chunks):
        came += 0.05 if number % burst else burst * (pause_ms + 3 * (number % 4))
        arrivals.append((round(came, 2), 4 + number % 5))
    for place in range(0, len(arrivals), 4):
        part = arrivals[place : place + 4]
        say = effect.thinking if place < thinking else effect.text
        say(at_ms + 2 + part[-1][0], "x" * sum(length for _, length in part), *part)
    end_ms = came + 12.0
    tokens = usage(40, chunks + thinking)
    priced = None if backend == "harness" else PRICES[model] * (chunks + thinking)
    price = {"amount": priced, "currency": "USD", "price_table": "test"}
    effect.complete(at_ms + 2 + end_ms, "x" * chunks, duration_ms=end_ms, usage=tokens, model=model, backend=backend,
                    cost=price if priced is not None else None)  # fmt: skip
    story.mark(at_ms + 2 + end_ms)


def _retried(story: Story, at_ms: float, id: str) -> None:
    effect = _ask(story, at_ms, id)
    effect.text(at_ms + 62, "Once upon", (35.0, 4), (60.0, 5))
    price = {"amount": 0.0006, "currency": "USD", "price_table": "test"}
    effect.retry(at_ms + 82, duration_ms=80.0, wait_ms=120, discarded=True, usage=usage(40, 9), cost=price)
    effect.again(at_ms + 202)
    effect.retry(at_ms + 232, duration_ms=30.0, wait_ms=240, retry_after_ms=240, details={"status": 429})
    effect.again(at_ms + 472)
    effect.text(at_ms + 552, "Once upon a", (50.0, 4), (62.0, 5), (80.0, 2))
    effect.text(at_ms + 622, " time.", (120.0, 3), (150.0, 3))
    effect.complete(at_ms + 632, "Once upon a time.", duration_ms=160.0, usage=usage(40, 20),
                    cost={"amount": 0.0012, "currency": "USD", "price_table": "test"})  # fmt: skip
    story.mark(at_ms + 632)


def _canceled(story: Story, at_ms: float, id: str) -> None:
    effect = _ask(story, at_ms, id)
    effect.text(at_ms + 122, "And then it", (40.0, 4), (75.0, 5), (120.0, 2))
    asked = story.control(at_ms + 180, "cancel_requested", f"x-{id}", requested_by="ada", effect_id=effect.id)
    effect.cancel(at_ms + 184, cause_id=asked.id, duration_ms=182.0, first_chunk_ms=40.0, usage=usage(40, 12))
    story.mark(at_ms + 184)


def _refused(story: Story, at_ms: float, id: str) -> None:
    effect = _ask(story, at_ms, id, model="capable-2")
    effect.fail(at_ms + 60, duration_ms=58.0, error_category="auth", retryable=False, details={"status": 401})
    story.mark(at_ms + 60)
