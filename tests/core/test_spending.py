"""What a conversation has spent is read from its log."""

from typing import Any

from jido_nb.core.budget import Spent
from jido_nb.core.projections.spending import Spending
from jido_nb.core.signal import Recorded, make_signal

USAGE = {"input_tokens": 10, "output_tokens": 5}


def spent(*signals: tuple[str, int, dict[str, Any]], prefix: str = "conv.effect.llm.generation") -> Spent:
    """`signals`: lifecycle, time in ms, payload."""
    fold = Spending()
    for seq, (lifecycle, at_ms, data) in enumerate(signals, 1):
        signal = make_signal(
            id=str(seq), type=f"{prefix}.{lifecycle}", source="/", subject="c", time_us=at_ms * 1000,
            data={"effect_id": "e", "lifecycle": lifecycle, **data}, extensions={},
        )  # fmt: skip
        fold.apply(Recorded(seq, signal))
    assert fold.seq == len(signals)
    return fold.spent


def test_attempts_that_failed_count_as_those_that_answered() -> None:
    retrying = {"status": "retrying", "usage": USAGE, "cost": {"amount": 0.5}, "duration_ms": 3}
    streaming = {"status": "streaming", "token_delta": 'he said "retrying"', "usage": USAGE}
    done = {"result": {"usage": USAGE, "cost": {"amount": 0.25}}, "duration_ms": 7}
    assert spent(
        ("started", 0, {}), ("progress", 1, streaming), ("progress", 3, retrying), ("completed", 40, done)
    ) == Spent(attempts=2, tokens=30, cost_usd=0.75, wall_ms=40)


def test_canceled_attempts_count() -> None:
    canceled = {"usage": {**USAGE, "estimated": True}, "cost": None, "duration_ms": 9}
    assert spent(("started", 0, {}), ("canceled", 9, canceled)) == Spent(attempts=1, tokens=15, wall_ms=9)


def test_what_never_ran_is_no_attempt() -> None:
    ending = {"duration_ms": None, "usage": None, "cost": None}
    assert spent(("canceled", 9, ending)) == Spent()
    assert spent(("started", 0, {}), ("failed", 2, {**ending, "details": {"budget": "tokens"}})) == Spent(wall_ms=2)


def test_the_time_that_a_crash_hides_does_not_count() -> None:
    assert spent(("started", 0, {}), ("failed", 10**9, {"details": {"recovered": True}})) == Spent(attempts=1)


def test_tools_and_timers_spend_nothing() -> None:
    assert (
        spent(("started", 0, {}), ("completed", 9, {"duration_ms": 9}), prefix="conv.effect.tool.execution") == Spent()
    )
