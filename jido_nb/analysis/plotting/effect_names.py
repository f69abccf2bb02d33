"""Short names for effects on an axis."""

from collections.abc import Iterable, Mapping

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
    return {
        key: _short(conversation) + (f" #{number}" if numbers[conversation] > 1 else "") if several else f"#{number}"
        for key, (conversation, number) in named.items()
    }


def _short(name: str, limit: int = 30) -> str:
    name = name.rpartition("/")[2] or name
    return name if len(name) <= limit else f"…{name[1 - limit :]}"
