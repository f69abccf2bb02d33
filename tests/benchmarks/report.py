"""Run the journeys and print the table: `python -m tests.benchmarks.report [journey ...]`.

A report, not a test: nothing here fails because a machine is slow. Ratios are taken in one run, so that they mean
something on any machine.
"""

import sys

import anyio

from . import browsing, canceling, ingesting, loading, million, openai_streaming, streaming, tabulating
from .row import Row, table

JOURNEYS = {
    "streaming": streaming.measure,
    "openai_streaming": openai_streaming.measure,
    "ingesting": ingesting.measure,
    "canceling": canceling.measure,
    "loading": loading.measure,
    "million": million.measure,
    "tabulating": tabulating.measure,
    "browsing": browsing.measure,
}


def main(names: list[str]) -> None:
    rows: list[Row] = []
    for name in names or JOURNEYS:
        rows += anyio.run(JOURNEYS[name])
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
