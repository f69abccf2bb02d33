"""Caps on what an effect and a conversation may spend: pure decisions, and data from outside."""

from typing import Any

import pytest

from jido_nb.core.budget import NO_BUDGET, Budget, Spent, parse_budget, reached
from jido_nb.core.policy import EffectPolicy, merged_policy
from jido_nb.errors import ContractError

FULL = Budget(attempts=3, tokens=1000, cost_usd=0.5, wall_ms=60_000)


@pytest.mark.parametrize(
    ("spent", "found"),
    [
        (Spent(), None),
        (Spent(2, 999, 0.499, 59_999), None),
        (Spent(attempts=3), ("attempts", 3, 3)),
        (Spent(tokens=1200), ("tokens", 1000, 1200)),
        (Spent(cost_usd=0.1 + 0.2 + 0.2), ("cost_usd", 0.5, 0.5)),
        (Spent(wall_ms=60_000.0004), ("wall_ms", 60_000, 60_000)),
        (Spent(tokens=2000, cost_usd=9), ("tokens", 1000, 2000)),
    ],
)
def test_a_cap_is_reached_when_as_much_is_spent_as_it_allows(spent: Spent, found: Any) -> None:
    cap = reached("effect", FULL, spent)
    assert (cap and (cap.budget, cap.cap, cap.used)) == found


def test_what_is_not_capped_is_never_reached() -> None:
    assert not NO_BUDGET
    assert reached("effect", NO_BUDGET, Spent(10**6, 10**9, 1e6, 1e9)) is None


def test_the_message_names_the_budget_the_cap_and_what_was_used() -> None:
    cap = reached("conversation", Budget(tokens=1_000_000), Spent(tokens=1_234_567))
    assert cap is not None
    assert cap.message == "the tokens budget of the conversation is spent: 1,234,567 used of 1,000,000"
    assert cap.details == {"budget": "tokens", "scope": "conversation", "cap": 1_000_000, "used": 1_234_567}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({}, {}, {}),
        ({"tokens": 10}, {}, {"tokens": 10}),
        ({"tokens": 10}, {"tokens": 5, "attempts": 2}, {"tokens": 5, "attempts": 2}),
        ({"cost_usd": 0.5}, {"cost_usd": 1}, {"cost_usd": 0.5}),
    ],
)
def test_of_two_budgets_the_tighter_caps_count(one: Any, other: Any, both: Any) -> None:
    assert Budget(**one).within(Budget(**other)) == Budget(**other).within(Budget(**one)) == Budget(**both)


def test_a_message_can_tighten_the_settings_budget_and_never_widen_it() -> None:
    base = EffectPolicy(budget=Budget(tokens=100))
    assert merged_policy(base, {"budget": {"tokens": 1000, "attempts": 2}}).budget == Budget(tokens=100, attempts=2)
    assert merged_policy(base, {"budget": {"tokens": 10}}).budget == Budget(tokens=10)
    assert merged_policy(base, {"max_attempts": 1}).budget == base.budget


BAD: list[tuple[Any, str, str]] = [
    ({"tokens": 0}, ".tokens", "invalid"),
    ({"tokens": "5"}, ".tokens", "invalid"),
    ({"tokens": True}, ".tokens", "invalid"),
    ({"cost_usd": -1}, ".cost_usd", "invalid"),
    ({"cost_usd": float("nan")}, ".cost_usd", "invalid"),
    ({"cost_usd": float("inf")}, ".cost_usd", "invalid"),
    ({"token": 5}, ".token", "unknown"),
    (5, "", "invalid"),
    ([], "", "invalid"),
]


@pytest.mark.parametrize(("raw", "where", "reason"), BAD)
def test_a_bad_budget_is_refused_by_the_name_of_its_field(raw: Any, where: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_budget(raw, field="conversation_defaults.budget")
    assert (caught.value.field, caught.value.reason) == (f"conversation_defaults.budget{where}", reason)
    with pytest.raises(ContractError) as caught:
        merged_policy(EffectPolicy(), {"budget": raw})
    assert (caught.value.field, caught.value.reason) == (f"effect_policy.budget{where}", reason)


def test_an_unknown_cap_comes_with_the_nearest_known_one() -> None:
    for refuse in (
        lambda: parse_budget({"token": 5}, field="b"),
        lambda: merged_policy(EffectPolicy(), {"budget": {"token": 5}}),
    ):
        with pytest.raises(ContractError, match=r"has no 'token'\. Did you mean 'tokens'\?"):
            refuse()


@pytest.mark.parametrize(
    ("usage", "cost", "spent"),
    [
        (None, None, Spent()),
        ({"input_tokens": 5, "output_tokens": None}, None, Spent(tokens=5)),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_read_tokens": 4,
                "cache_write_tokens": 8,
                "reasoning_tokens": 1,
            },
            {"amount": 0.25},
            Spent(tokens=15, cost_usd=0.25),
        ),
        ({"input_tokens": "many"}, {"amount": None}, Spent()),
    ],
)
def test_what_a_payload_tells_is_what_was_spent(usage: Any, cost: Any, spent: Spent) -> None:
    assert Spent.told(usage, cost) == spent
