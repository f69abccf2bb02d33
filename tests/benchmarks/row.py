"""One line of the report."""

from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, the target of the design, and the figure with its unit."""

    journey: str
    target: str
    measured: str


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| journey | target | measured |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row.journey} | {row.target} | {row.measured} |" for row in rows)])
