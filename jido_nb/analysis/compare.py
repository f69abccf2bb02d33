"""`compare`: two conversations, two runs, or two backends of one run, turn by turn."""

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..errors import ConfigError, closest
from .again import readable_again
from .comparison import Comparison
from .frames.attempts import attempts_df
from .frames.turns import turns_df
from .side import Side
from .source import Source

Names = tuple[str, str]


class _Run(NamedTuple):
    """All turns and attempts of one source."""

    turns: pd.DataFrame
    attempts: pd.DataFrame


def compare(
    a: Source, b: Source = None, *, by: str | None = None, between: Names | None = None, names: Names | None = None
) -> Comparison:
    """Put two sets of turns side by side: what answered the same questions, and how.

    `compare(one, other)` takes two sources: two conversations, or two journals of which each is a run.
    `compare(journal, by="backend")` takes two parts of one: the turns of which a column of `turns_df` holds the one
    value and the other, such as `backend`, `model` or `conversation_id`.

    Turns are paired by their question (white space aside): first within conversations of the same name, then anywhere,
    in the order in which they were asked.

    Args:
        a, b: A path or URL, a Journal, a Lab, a runtime, a conversation, or a list of signals.
        by: Column of `turns_df` that tells the two sides apart, where there is no `b`.
        between: The two values of that column; may be left out where there are just two.
        names: What the sides are called; None: after the files, the conversations, or the two values.

    Raises:
        ConfigError: neither `b` nor `by`, or both; no such column; not two values.
        JournalError: a journal cannot be read.
    """
    if (b is None) == (by is None):
        raise ConfigError("compare takes a second source, or by='backend' (or another column) for one", field="b")
    if by is None:
        sides = _run(readable_again(a)), _run(readable_again(b))
        return _comparison(sides, _checked(names) or _told_apart(_name_of(a), _name_of(b)))
    run = _run(readable_again(a))
    values = _values(run.turns, by, between)
    told = values if set(values) != {"True", "False"} else _both(by, values)
    return _comparison((_part(run, by, values[0]), _part(run, by, values[1])), _checked(names) or told)


def _both(by: str, values: Names) -> Names:
    """`stream` and `no stream` for what is true or not."""
    yes, no = (by if value == "True" else f"no {by}" for value in values)
    return yes, no


def _run(source: Source) -> _Run:
    return _Run(turns_df(source), attempts_df(source))


def _part(run: _Run, by: str, value: str) -> _Run:
    return _Run(run.turns[run.turns[by].astype("string") == value], run.attempts)


def _values(turns: pd.DataFrame, by: str, between: Names | None) -> Names:
    if by not in turns.columns:
        message = f"turns_df has no column {by!r}.{closest(by, turns.columns)}"
        raise ConfigError(message, field="by", value=by)
    found = turns[by].dropna().astype("string").drop_duplicates().tolist()
    chosen = found if between is None else list(between)
    shown = ", ".join(map(repr, found[:8])) or "nothing"
    if len(chosen) != 2:
        raise ConfigError(f"{by} holds {shown} here; between= names the two to compare", field="between", value=chosen)
    for value in chosen:
        if value not in found:
            raise ConfigError(f"{by} holds {shown} here, not {value!r}", field="between", value=value)
    return str(chosen[0]), str(chosen[1])


def _comparison(runs: tuple[_Run, _Run], names: Names) -> Comparison:
    a, b = (_side(name, run) for name, run in zip(names, runs, strict=True))
    return Comparison(a, b)


def _side(name: str, run: _Run) -> Side:
    keys = ["conversation_id", "effect_id"]
    asked = pd.MultiIndex.from_frame(run.turns[keys].astype(object))
    mine = pd.MultiIndex.from_frame(run.attempts[keys].astype(object)).isin(asked)
    return Side(name, run.turns, run.attempts[mine])


def _checked(names: Names | None) -> Names | None:
    if names is not None and (len(names) != 2 or names[0] == names[1]):
        raise ConfigError("names= takes two different names", field="names", value=names)
    return names


def _told_apart(a: str, b: str) -> Names:
    return (a, b) if a != b else (f"{a} (a)", f"{b} (b)")


def _name_of(source: Any) -> str:
    subject = getattr(source, "subject", None)
    if isinstance(subject, str):
        return subject
    place = getattr(getattr(source, "journal", source), "location", source)
    if isinstance(place, str) and "://" in place:
        return place.rpartition("/")[2] or "journal"
    if isinstance(place, str | PathLike):
        return Path(place).name.removesuffix(".sqlite") or "journal"
    return "signals"
