"""What two sets of turns have in common and in which they differ."""

from collections.abc import Callable, Iterable
from functools import cached_property
from html import escape
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..errors import ConfigError
from .column import BOOL, FLOAT, INT, TEXT, Column, build_frame, choose
from .html import shorten
from .pairing import Facts, Pair, pair_turns
from .plotting.rows import rows_of
from .side import MEASURES, UNKNOWN, Side
from .text_diff import TextDiff, printable, similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TURN_FACTS = (
    ("conversation_id", TEXT, "conversation"),
    ("turn", INT, "number of the turn in its conversation"),
    ("status", TEXT, "how it ended"),
    ("error_category", TEXT, "why it failed"),
    ("backend", TEXT, "backend"),
    ("model", TEXT, "model"),
    ("attempts", INT, "attempts that began"),
    ("wait_ms", FLOAT, "waits between attempts, together, ms"),
    ("duration_ms", FLOAT, "started to ended, waits included, ms"),
    ("first_chunk_ms", FLOAT, "started to first piece, ms"),
    ("input_tokens", INT, "input tokens of the answer"),
    ("output_tokens", INT, "output tokens of the answer"),
    ("cost_usd", FLOAT, "price of the answer, US dollars"),
    ("tools", INT, "tool calls"),
)
_NOTHING = ("", "0", UNKNOWN)
_TEXT = pd.ArrowDtype(TEXT)
NUMBERS = ("duration_ms", "first_chunk_ms", "output_tokens", "cost_usd")
"""What is subtracted: `duration_ms_delta` is that of b less that of a."""


def _fact(side: str, name: str) -> Callable[[Pair], Any]:
    return lambda pair: (getattr(pair, side) or {}).get(name)


def _difference(name: str) -> Callable[[Pair], float | None]:
    def get(pair: Pair) -> float | None:
        a, b = ((turn or {}).get(name) for turn in (pair.a, pair.b))
        return None if a is None or b is None else b - a

    return get


def _both_texts(pair: Pair) -> tuple[str, str] | None:
    """Both answers, where there are two: half an answer is like another half by chance only."""
    if pair.a is None or pair.b is None or {pair.a["status"], pair.b["status"]} != {"completed"}:
        return None
    return _text(pair.a), _text(pair.b)


def _same_text(pair: Pair) -> bool | None:
    texts = _both_texts(pair)
    return None if texts is None else texts[0] == texts[1]


def _similarity(pair: Pair) -> float | None:
    texts = _both_texts(pair)
    return None if texts is None else similarity(*texts)


COMPARISON_COLUMNS: tuple[Column[Pair], ...] = (
    Column("pair", INT, lambda p: p.number, "number of the pair, from 1; what `text_diff` takes"),
    Column("prompt", TEXT, lambda p: p.prompt, "what was asked"),
    Column(
        "same_text", BOOL, _same_text, "whether both answers are the same, to the letter; null unless both completed"
    ),
    Column(
        "similarity", FLOAT, _similarity, "share of words that both answers have, 0 to 1; null unless both completed"
    ),
    *(
        Column(f"{name}_{side}", dtype, _fact(side, name), f"{doc}, of {side}")
        for name, dtype, doc in _TURN_FACTS
        for side in ("a", "b")
    ),
    *(
        Column(f"{name}_delta", FLOAT, _difference(name), f"{name} of b less that of a; null where one is missing")
        for name in NUMBERS
    ),
)


class Comparison:
    """Two sides, `a` and `b`, paired turn by turn; made by `compare`."""

    def __init__(self, a: Side, b: Side) -> None:
        self.a = a
        self.b = b
        self._pairs = pair_turns(*(rows_of(side.turns, tuple(side.turns.columns), "turns_df") for side in (a, b)))

    @property
    def names(self) -> tuple[str, str]:
        return self.a.name, self.b.name

    @property
    def pairs(self) -> list[Pair]:
        """In the order in which `a` was asked, then what only `b` was asked."""
        return list(self._pairs)

    def turns_df(self, columns: Iterable[str | Column[Pair]] | None = None) -> pd.DataFrame:
        """One row per pair. Columns of the one side end in `_a`, of the other in `_b`, differences in `_delta`.

        Args:
            columns: Names of `COMPARISON_COLUMNS` and columns of your own, whose `get` is given a `Pair`.

        Raises:
            ConfigError: an unknown column.
        """
        return build_frame(choose(COMPARISON_COLUMNS, columns), self._pairs)

    def attempts_df(self) -> pd.DataFrame:
        """One row per attempt of either side: its `side` and `pair`, then all that `attempts_df` tells.

        `jido_nb.retry_matrix(comparison.attempts_df(), columns="side")` compares what failed and was tried again.
        """
        frames = []
        for side, name in (("a", self.a), ("b", self.b)):
            numbers = {
                (turn["conversation_id"], turn["effect_id"]): pair.number
                for pair in self._pairs
                if (turn := getattr(pair, side)) is not None
            }
            keys = zip(name.attempts["conversation_id"], name.attempts["effect_id"], strict=True)
            frame = name.attempts.copy()
            frame.insert(0, "pair", pd.Series([numbers[key] for key in keys], frame.index, "int64[pyarrow]"))
            frame.insert(0, "side", pd.Series(name.name, frame.index, _TEXT))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def summary_df(self) -> pd.DataFrame:
        """One row per measure, with its value on both sides; null where a side cannot tell."""
        columns: tuple[Column[_Measured], ...] = (
            Column("measure", TEXT, lambda m: m.name, "what was counted or measured"),
            Column("unit", TEXT, lambda m: m.unit, "of its values"),
            Column("a", FLOAT, lambda m: m.a, "value of a"),
            Column("b", FLOAT, lambda m: m.b, "value of b"),
        )
        return build_frame(columns, self._measured)

    def text_diff(self, turn: int) -> TextDiff:
        """The two answers of a pair, side by side; of a side that did not complete, its name says how it ended.

        Args:
            turn: Number of the pair, from 1: the column `pair` of `turns_df()`.

        Raises:
            ConfigError: no such pair.
        """
        if isinstance(turn, bool) or not isinstance(turn, int) or not 1 <= turn <= len(self._pairs):
            message = f"there are {len(self._pairs)} pairs here, counted from 1; not {turn!r}"
            raise ConfigError(message, field="turn", value=turn)
        pair = self._pairs[turn - 1]
        a, b = (_named(name, side) for name, side in zip(self.names, (pair.a, pair.b), strict=True))
        return TextDiff(_text(pair.a), _text(pair.b), (a, b))

    def plot(self, value: str = "duration_ms", *, ax: "Axes | None" = None) -> "Axes":
        """Both sides of each pair on one axis.

        Args:
            value: A number that `turns_df()` has of both: `duration_ms`, `first_chunk_ms`, `output_tokens`, ...
            ax: Where to draw; None makes a figure.

        Raises:
            ConfigError: no such number.
        """
        from .plotting.comparison import plot_comparison

        return plot_comparison(self.turns_df(), self.names, value, ax)

    @cached_property
    def _measured(self) -> "list[_Measured]":
        return [_Measured(each.name, each.unit, each.of(self.a), each.of(self.b), each.told) for each in MEASURES]

    @cached_property
    def _alike(self) -> str:
        scores = [score for pair in self._pairs if (score := _similarity(pair)) is not None]
        if not scores:
            return "no question was answered on both sides"
        same = sum(bool(_same_text(pair)) for pair in self._pairs)
        return f"{same} of {len(scores)} are the same; similarity {median(scores):.0%} in the median"

    def _lines(self) -> list[tuple[str, str, str]]:
        lines = [(each.name, each.told(each.a), each.told(each.b)) for each in self._measured]
        lines.append(("failures of attempts", self.a.failures, self.b.failures))
        return [line for line in lines if line[1] not in _NOTHING or line[2] not in _NOTHING]

    def _facts(self) -> list[tuple[str, str]]:
        alone = [sum(getattr(pair, other) is None for pair in self._pairs) for other in ("b", "a")]
        paired = len(self._pairs) - sum(alone)
        only = "".join(
            f", {count} only in {shorten(name, 24)}" for count, name in zip(alone, self.names, strict=True) if count
        )
        return [("questions", f"{paired} on both sides{only}"), ("answers", self._alike)]

    def __repr__(self) -> str:
        rows = [("", *(shorten(name, 24) for name in self.names)), *self._lines()]
        widths = [max(len(row[place]) for row in rows) for place in range(3)]
        table = ["  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
        facts = [f"  {name}: {value}" for name, value in self._facts()]
        return "\n".join(printable(line.rstrip()) for line in [self._title(), *facts, "", *table])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        cell = 'style="text-align:left;padding:0 1.5em 0 0"'
        head = "".join(f"<th {cell}>{escape(name)}</th>" for name in ("", *self.names))
        rows = "".join(
            "<tr>" + "".join(f"<td {cell}>{escape(text)}</td>" for text in line) + "</tr>" for line in self._lines()
        )
        facts = "".join(f"<div>{escape(name)}: {escape(value)}</div>" for name, value in self._facts())
        title = f"<strong>{escape(self._title())}</strong>"
        return {"text/plain": repr(self), "text/html": f"<div>{title}{facts}<table><tr>{head}</tr>{rows}</table></div>"}

    def _title(self) -> str:
        return f"Comparison of {shorten(self.names[0], 40)} with {shorten(self.names[1], 40)}"


class _Measured(NamedTuple):
    """A measure with its values."""

    name: str
    unit: str
    a: float | None
    b: float | None
    told: Callable[[float | None], str]


def _named(name: str, turn: Facts | None) -> str:
    status = "not asked" if turn is None else turn["status"]
    return name if status == "completed" else f"{name} ({status})"


def _text(turn: Facts | None) -> str:
    return "" if turn is None else str(turn["text"] or "")
