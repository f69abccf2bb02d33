"""Puts what was measured where people read it: the table into `docs/performance.md`, the plot beside it."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from matplotlib.figure import Figure

from .row import Row, slope, table

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "performance.md"
PLOT = DOCS / "images" / "performance.png"
BEGIN, END = "<!-- measured -->\n", "<!-- end of what was measured -->\n"
OURS, OTHERS = "#1f6f8b", "#b8b8b8"


def write(rows: Sequence[Row], arguments: str) -> None:
    """Replace the table on the page, and draw the plot again. `arguments`: what the report was called with."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{_where(arguments)}\n\n{table(rows)}\n\n{END}{tail}", encoding="utf-8")
    draw(rows).savefig(PLOT, dpi=120)


def _where(arguments: str) -> str:
    names = ("anthropic", "pydantic-ai-slim", "chatlas", "llm", "openai")
    versions = ", ".join(f"{name} {found}" for name in names if (found := _version(name)))
    command = f"python -m tests.benchmarks.report {arguments}"
    return (
        f"Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; {versions}. Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None


def draw(rows: Sequence[Row]) -> Figure:
    """CPU per chunk beside everybody else's, and how costs grow."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    bars, lines = figure.subplots(1, 2, width_ratios=(1, 1.1))
    named = [row.bar for row in rows if row.bar is not None][::-1]
    bars.barh(
        [name.replace("`", "") for name, _ in named],
        [cost for _, cost in named],
        color=[OURS if name.startswith("jido_nb") else OTHERS for name, _ in named],
    )
    for place, (_, cost) in enumerate(named):
        bars.text(cost, place, f" {cost:.0f}", va="center")
    bars.set_xlabel("CPU per chunk, µs")
    bars.set_title("One answer in 2,000 chunks", loc="left")
    for name, points in (row.line for row in rows if row.line is not None):
        sizes, costs = zip(*points, strict=True)
        lines.plot(sizes, costs, marker="o", markersize=4, label=f"{slope(points):+.2f}  {name.replace('`', '')}")
    lines.set_xscale("log")
    lines.set_yscale("log")
    lines.set_xlabel("size")
    lines.set_ylabel("CPU, ms")
    lines.set_title("Growth; slopes first", loc="left")
    if lines.lines:
        lines.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(0, -0.1), frameon=False)
    for axes in (bars, lines):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
