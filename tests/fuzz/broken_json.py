"""JSON as nobody should send it: in the words of a decoder, or a good record with one value replaced."""

import ast
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

PACKAGE = Path(__file__).parents[2] / "jido_nb"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, -1, 200, 401, 429, 503, 1e308, -1e308, 5e-324, 0.5, 10**400])
    | st.text(max_size=6)
    | st.sampled_from(["", " ", "\0", "\ud800", "[", "{}", "{", "null", "1e999", "success", "error", "a" * 70])
)


def tried(named: tuple[type[Exception], ...] | type[Exception], call: Callable[[], Any]) -> tuple[Any, Any]:
    """What a call gives, or which of the named errors it raises; any other is raised on."""
    try:
        return call(), None
    except named as error:
        return None, error


def values(words: Sequence[str] = ()) -> st.SearchStrategy[Any]:
    """Any JSON value; keys and texts are mostly `words`."""
    word = st.sampled_from(words) if words else st.text(max_size=6)
    return st.recursive(
        scalars | word,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word | st.text(max_size=4), inner, max_size=5),
        max_leaves=12,
    )


def records(words: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with a `type` in the words of a decoder."""
    word = st.sampled_from(words)
    told = st.dictionaries(word, values(words), max_size=6)
    return st.builds(lambda kind, rest: {**rest, **({"type": kind} if kind else {})}, word | st.none(), told)


def words_of(*modules: str) -> list[str]:
    """The short strings in the source of some modules: what they look for."""
    found: set[str] = set()
    for module in modules:
        for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 32:
                found.add(node.value)
    return sorted(word for word in found if not any(letter in word for letter in " \n{("))


@st.composite
def spoiled(draw: st.DrawFn, good: Iterable[Any], words: Sequence[str] = ()) -> list[Any]:
    """`good` records, of which some lack a part, have another in its place, come twice or not at all."""
    told = [json.loads(json.dumps(record)) for record in good]
    for _ in range(draw(st.integers(1, 3))):
        if not told:
            break
        at = draw(st.integers(0, len(told) - 1))
        deed = draw(st.sampled_from(["replace", "replace", "replace", "drop", "twice", "end"]))
        if deed == "replace":
            told[at] = _replaced(draw, told[at], words)
        elif deed == "drop":
            del told[at]
        elif deed == "twice":
            told.insert(at, told[at])
        else:
            del told[at:]
    return told


def _replaced(draw: st.DrawFn, value: Any, words: Sequence[str]) -> Any:
    if isinstance(value, (dict, list)) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if not draw(st.integers(0, 5)):
            del value[key]
        else:
            value[key] = _replaced(draw, value[key], words)
        return value
    return draw(values(words))
