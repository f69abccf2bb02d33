"""Rule 9: policies are data from outside. The original merged them unchecked and fell over (W-48)."""

from typing import Any

import pytest

from jido_nb.core.policy import DEFAULT_POLICIES, EffectPolicy, merged_policy
from jido_nb.errors import ContractError


@pytest.mark.parametrize("overrides", [None, {}, {"max_attempts": 2}, {"timeout_ms": None, "jitter": 0}])
def test_a_message_may_name_any_part(overrides: dict[str, Any] | None) -> None:
    policy = merged_policy(EffectPolicy(), overrides)
    assert policy.model_dump() == {**EffectPolicy().model_dump(), **(overrides or {})}


@pytest.mark.parametrize(
    ("overrides", "field", "reason"),
    [
        ({"max_attempts": "3"}, "effect_policy.max_attempts", "invalid"),
        ({"max_attempts": 0}, "effect_policy.max_attempts", "invalid"),
        ({"max_attempts": 10**9}, "effect_policy.max_attempts", "invalid"),
        ({"max_attempts": True}, "effect_policy.max_attempts", "invalid"),
        ({"timeout_ms": "500"}, "effect_policy.timeout_ms", "invalid"),
        ({"timeout_ms": 0}, "effect_policy.timeout_ms", "invalid"),
        ({"backoff_ms": -1}, "effect_policy.backoff_ms", "invalid"),
        ({"jitter": 1.5}, "effect_policy.jitter", "invalid"),
        ({"jitter": float("nan")}, "effect_policy.jitter", "invalid"),
        ({"max_atempts": 3}, "effect_policy.max_atempts", "unknown"),
        ({7: 3}, "effect_policy.7", "invalid"),
        ([], "effect_policy", "invalid"),
        ("fast", "effect_policy", "invalid"),
        (3, "effect_policy", "invalid"),
    ],
)
def test_a_bad_part_is_named(overrides: Any, field: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        merged_policy(EffectPolicy(), overrides)
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_an_unknown_part_comes_with_the_nearest_known_one() -> None:
    with pytest.raises(ContractError, match=r"Did you mean 'max_attempts'\?"):
        merged_policy(EffectPolicy(), {"max_atempts": 3})


def test_every_class_of_effect_has_a_policy() -> None:
    assert set(DEFAULT_POLICIES) == {"llm", "tool", "timer"}
