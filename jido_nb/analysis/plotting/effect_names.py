"""Short names for effects on an axis."""

from collections.abc import Iterable, Mapping

from .short_names import short_names

Key = tuple[str, str]


def effect_names(keys: Iterable[Key]) -> Mapping[Key, str]:
    """`#1`, `#2`, ... per conversation, in order, with the conversation's name where there are several.

    A conversation with a single effect needs no number beside its name.
    """
    numbers: dict[str, int] = {}
    named: dict[Key, tuple[str, int]] = {}
    for key in keys:
        if key not in named:
            numbers[key[0]] = numbers.get(key[0], 0) + 1
            named[key] = (key[0], numbers[key[0]])
    several = len(numbers) > 1
    short = short_names(numbers)
    return {
        key: short[conversation] + (f" #{number}" if numbers[conversation] > 1 else "") if several else f"#{number}"
        for key, (conversation, number) in named.items()
    }
