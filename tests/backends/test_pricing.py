"""Prices come from a table; what it does not know costs None, never 0."""

import pytest

from jido_nb.backends.pricing import price
from jido_nb.llm.usage import Usage


def test_a_known_model_has_a_price() -> None:
    cost = price("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000_000, output_tokens=1_000_000))
    assert cost is not None
    assert cost.amount == pytest.approx(6.0)
    assert cost.currency == "USD"
    assert cost.price_table.startswith("genai-prices ")


def test_cached_tokens_are_counted_once_and_cost_less() -> None:
    fresh = price("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000_000, output_tokens=0))
    cached = price("anthropic", "claude-haiku-4-5", Usage(0, 0, cache_read_tokens=1_000_000))
    assert fresh is not None
    assert cached is not None
    assert cached.amount == pytest.approx(fresh.amount / 10)


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("simulated", "story", Usage(1, 1)),
        ("anthropic", "no-such-model", Usage(1, 1)),
        ("no-such-provider", "claude-haiku-4-5", Usage(1, 1)),
        ("anthropic", None, Usage(1, 1)),
        (None, "claude-haiku-4-5", Usage(1, 1)),
        ("anthropic", "claude-haiku-4-5", Usage(None, 1)),
        ("anthropic", "claude-haiku-4-5", Usage(1, None)),
    ],
)
def test_what_is_unknown_has_no_price(provider: str | None, model: str | None, usage: Usage) -> None:
    assert price(provider, model, usage) is None
