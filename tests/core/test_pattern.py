"""Patterns: `*` is one segment, `**` any number of them, everything else stands for itself."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.pattern import Pattern, compile_pattern, compile_types, matches_any
from jido_nb.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "type", "matches"),
    [
        ("conv.in.message.received", "conv.in.message.received", True),
        ("conv.in.message.received", "conv.in.message.receive", False),
        ("conv.in.message", "conv.in.message.received", False),
        ("conv.in.*", "conv.in.x", True),
        ("conv.in.*", "conv.in.x.y", False),
        ("conv.in.*", "conv.in", False),
        ("conv.in.*", "conv.in.", True),
        ("conv.*.message.received", "conv.in.message.received", True),
        ("conv.**", "conv", True),
        ("conv.**", "conv.in.message.received", True),
        ("conv.**", "convex.in", False),
        ("conv.effect.**", "conv.effects.x", False),
        ("**", "anything.at.all", True),
        ("**.failed", "conv.effect.llm.generation.failed", True),
        ("**.failed", "failed", True),
        ("**.failed", "conv.unfailed", False),
        ("conv.**.progress", "conv.progress", True),
        ("conv.**.progress", "conv.effect.llm.generation.progress", True),
        ("conv.**.progress", "conv.effect.progress.failed", False),
        ("conv.**.llm.**", "conv.effect.llm.generation.started", True),
        ("conv.**.*.started", "conv.started", False),
        ("conv.effect.*.*.started", "conv.effect.llm.generation.started", True),
        ("conv.in.a+b[c]", "conv.in.a+b[c]", True),
    ],
)
def test_a_pattern_matches_whole_types_segment_by_segment(pattern: str, type: str, matches: bool) -> None:
    assert compile_pattern(pattern).matches(type) is matches


@pytest.mark.parametrize(
    "pattern", ["", ".", "conv.", ".conv", "conv..in", "conv.in*", "conv.***", "con v.in", "a\n", None, 3]
)
def test_a_bad_pattern_is_a_config_error_that_names_it(pattern: object) -> None:
    with pytest.raises(ConfigError) as refused:
        Pattern(pattern)  # type: ignore[arg-type]
    assert refused.value.field == "pattern"
    assert refused.value.value == pattern


segments = st.sampled_from(["a", "b", "ab", "*", "**"])


@given(
    st.lists(segments, min_size=1, max_size=6), st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=7)
)
def test_any_pattern_agrees_with_the_regular_expression_it_stands_for(pattern: list[str], type: list[str]) -> None:
    # Over types in which each segment ends with a dot, `**` is simply "any number of those".
    units = {"*": r"[^.]*\.", "**": r"(?:[^.]*\.)*"}
    expression = "".join(units.get(segment, re.escape(segment) + r"\.") for segment in pattern)
    expected = re.fullmatch(expression, "".join(f"{segment}." for segment in type)) is not None
    assert compile_pattern(".".join(pattern)).matches(".".join(type)) is expected


def test_many_wildcards_over_a_long_type_stay_quick() -> None:
    pattern = compile_pattern(".".join(["**", "a"] * 30 + ["z"]))
    assert not pattern.matches(".".join(["a"] * 5000))


def test_several_patterns_match_if_one_does_and_none_means_all() -> None:
    two = compile_types(["conv.in.**", "conv.out.**"])
    assert [matches_any(two, type) for type in ("conv.in.x", "conv.out.x", "conv.effect.x")] == [True, True, False]
    assert compile_types(None) is None
    assert compile_types(["conv.in.**", "**"]) is None
    assert matches_any(None, "x")
    assert not matches_any(compile_types([]), "x")


def test_an_exact_pattern_says_which_type_it_is() -> None:
    assert compile_pattern("conv.in.timer.tick").exact == "conv.in.timer.tick"
    assert compile_pattern("conv.in.**").exact is None


def test_types_are_a_pattern_or_several() -> None:
    with pytest.raises(ConfigError, match="a pattern or several, not 5") as refused:
        compile_types(5)  # type: ignore[arg-type]
    assert refused.value.field == "types"
