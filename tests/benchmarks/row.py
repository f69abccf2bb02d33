"""One line of the report."""

import math
from collections.abc import Sequence
from typing import NamedTuple

Points = tuple[tuple[float, float], ...]


class Row(NamedTuple):
    """What was measured, the target of the design, and the figure with its unit."""

    journey: str
    target: str
    measured: str
    bar: tuple[str, float] | None = None
    """For the plot: a name, and microseconds of CPU per chunk."""
    line: tuple[str, Points] | None = None
    """For the plot: a name, and (size, milliseconds) for each size."""


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| journey | target | measured |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row.journey} | {row.target} | {row.measured} |" for row in rows)])


def growth(name: str, target: str, unit: str, points: Points) -> Row:
    """A row that says how a cost grows: what it is at the smallest and the largest size, and the slope between them."""
    (few, first), (many, last) = points[0], points[-1]
    told = f"{_ms(first)} at {few:,.0f} {unit}, {_ms(last)} at {many:,.0f}; slope {slope(points):.2f}"
    return Row(name, target, told, line=(name, points))


def slope(points: Points) -> float:
    """Of the line through the logarithms: 0 is a cost that does not grow, 1 one that grows as the size does."""
    xs, ys = [math.log(size) for size, _ in points], [math.log(max(cost, 1e-9)) for _, cost in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def _ms(value: float) -> str:
    return f"{value * 1000:,.0f} µs" if value < 1 else f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"
