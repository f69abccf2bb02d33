"""Patterns over signal types: `conv.effect.**`, `conv.*.message.received`, `**.failed`.

A type is a list of segments between dots. `*` stands for exactly one segment, `**` for any number of them, none
included, wherever it stands. Everything else stands for itself: there are no partial wildcards inside a segment.
Matching walks both lists once, going back no further than the last `**`, so no pattern is ever slow.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from ..errors import ConfigError

ANY_ONE = "*"
ANY_NUMBER = "**"


class Pattern:
    """A compiled pattern; `matches(type)` is quick enough to ask for every signal."""

    __slots__ = ("exact", "matches", "text")

    text: str
    exact: str | None
    """The one type that matches, when there is no wildcard."""
    matches: Callable[[str], bool]

    def __init__(self, text: str) -> None:
        """Raises ConfigError for a pattern that can match nothing as written."""
        segments = _segments(text)
        wild = [segment for segment in segments if segment in (ANY_ONE, ANY_NUMBER)]
        self.text = text
        self.exact = None if wild else text
        self.matches = _matcher(text, segments, wild)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


@lru_cache(maxsize=512)
def compile_pattern(text: str) -> Pattern:
    """The pattern that `text` spells. Raises ConfigError."""
    return Pattern(text)


def compile_types(types: str | Iterable[str] | None) -> tuple[Pattern, ...] | None:
    """The patterns of a `types` argument, one or several; None and `**` mean every type. Raises ConfigError."""
    if types is None:
        return None
    if not isinstance(types, Iterable):
        raise ConfigError(f"types is a pattern or several, not {types!r}", field="types", value=types)
    patterns = tuple(compile_pattern(text) for text in ((types,) if isinstance(types, str) else types))
    return None if any(pattern.text == ANY_NUMBER for pattern in patterns) else patterns


def matches_any(patterns: tuple[Pattern, ...] | None, type: str) -> bool:
    """Whether `type` matches one of what `compile_types` gave."""
    return patterns is None or any(pattern.matches(type) for pattern in patterns)


def matching(patterns: tuple[Pattern, ...] | None, known: Callable[[], Iterable[str]]) -> list[str] | None:
    """The types that match; None: every type. `known` is asked for those there are only if there are wildcards."""
    if patterns is None:
        return None
    exact = [pattern.exact for pattern in patterns if pattern.exact is not None]
    return exact if len(exact) == len(patterns) else [type for type in known() if matches_any(patterns, type)]


def _segments(text: str) -> list[str]:
    if not isinstance(text, str):
        raise ConfigError(f"a type pattern is text, not {text!r}", field="pattern", value=text)
    segments = text.split(".")
    for segment in segments:
        if segment in (ANY_ONE, ANY_NUMBER):
            continue
        if not segment or "*" in segment or any(letter.isspace() for letter in segment):
            message = (
                f"{text!r} is not a type pattern: segments between dots are names, * (any one segment) "
                "or ** (any number), as in conv.effect.** or conv.*.message.received"
            )
            raise ConfigError(message, field="pattern", value=text)
    return segments


def _matcher(text: str, segments: list[str], wild: list[str]) -> Callable[[str], bool]:
    if not wild:
        return text.__eq__
    if segments == [ANY_NUMBER]:
        return lambda type: True
    if wild == [ANY_NUMBER] and segments[-1] == ANY_NUMBER:
        stem, prefix = text[: -len(".**")], text[: -len("**")]
        return lambda type: type.startswith(prefix) or type == stem
    return lambda type: _walk(segments, type.split("."))


def _walk(pattern: list[str], type: list[str]) -> bool:
    at, taken, star, resume = 0, 0, -1, 0
    while taken < len(type):
        if at < len(pattern) and pattern[at] == ANY_NUMBER:
            star, resume = at, taken
            at += 1
        elif at < len(pattern) and (pattern[at] == ANY_ONE or pattern[at] == type[taken]):
            at, taken = at + 1, taken + 1
        elif star >= 0:
            resume += 1
            at, taken = star + 1, resume
        else:
            return False
    return all(segment == ANY_NUMBER for segment in pattern[at:])
