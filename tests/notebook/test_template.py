"""`{{ expression }}` takes values from the notebook; everything else in a prompt is left alone."""

import pytest

from jido_nb.errors import ConfigError
from jido_nb.notebook.template import interpolate

NAMES = {"x": 3, "d": {"a": {"b": "deep"}}, "f": lambda value: value * 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{x} and {'a': 1}", "{x} and {'a': 1}"),
        ("x is {{ x }}", "x is 3"),
        ("{{x}}{{ f('ab') }}", "3abab"),
        ("{{ d['a']['b'] }}", "deep"),
        ("{{ {'k': {'j': 1}}['k']['j'] }}!", "1!"),
        ("{{ [n for n in range(x)] }}", "[0, 1, 2]"),
        ("closing }} alone", "closing }} alone"),
    ],
)
def test_expressions_become_their_values(text: str, expected: str) -> None:
    assert interpolate(text, NAMES) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ missing }}", "NameError: name 'missing' is not defined"),
        ("{{ x / 0 }}", "ZeroDivisionError"),
        ("{{ 1 + }}", "not a Python expression"),
        ("{{ never closed", "not a Python expression"),
        ("{{ }}", "not a Python expression"),
    ],
)
def test_an_expression_that_fails_says_which_and_offers_the_way_round(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match="--no-interpolate") as caught:
        interpolate(text, NAMES)
    assert words in str(caught.value)


def test_values_are_not_interpolated_again() -> None:
    assert interpolate("{{ t }}", {"t": "{{ x }}"}) == "{{ x }}"
