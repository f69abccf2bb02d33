"""Run the journeys and print the table: `python -m tests.benchmarks.report [journey ...] [--full] [--write]`.

A report, not a test: nothing here fails because a machine is slow. Ratios are taken in one run, so that they mean
something on any machine. Without `--full` it takes two minutes; with it, every size, a browser, and a good deal longer.
`--write` puts the table and the plot into `docs/`.
"""

import argparse
import sys
import time

import anyio

from . import (
    browsing,
    canceling,
    growing,
    ingesting,
    loading,
    million,
    mixing,
    openai_streaming,
    peers,
    scheduling,
    storing,
    streaming,
    sustained,
    tabulating,
)
from .page import write
from .row import Row, table

JOURNEYS = {
    "peers": peers.measure,
    "streaming": streaming.measure,
    "openai_streaming": openai_streaming.measure,
    "ingesting": ingesting.measure,
    "canceling": canceling.measure,
    "sustained": sustained.measure,
    "storing": storing.measure,
    "scheduling": scheduling.measure,
    "growing": growing.measure,
    "tabulating": tabulating.measure,
    "loading": loading.measure,
    "million": million.measure,
    "mixing": mixing.measure,
    "browsing": browsing.measure,
}
LONG = ("tabulating", "million", "mixing", "browsing")
"""Left out unless they are asked for, or everything is."""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description="Measure, and say what.")
    parser.add_argument("journey", nargs="*", help="default: all that do not take long")
    parser.add_argument("--full", action="store_true", help="every size, and the long journeys too")
    parser.add_argument("--write", action="store_true", help="put the table and the plot into docs/")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.journey) - set(JOURNEYS)):
        parser.error(f"no journey {unknown[0]!r}; known: {', '.join(JOURNEYS)}")
    names = options.journey or [name for name in JOURNEYS if options.full or name not in LONG]
    rows: list[Row] = []
    for name in names:
        began = time.perf_counter()
        rows += anyio.run(JOURNEYS[name], options.full)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if options.write:  # after each, so that whoever runs out of time keeps what there is
            write(rows, " ".join(argv))
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
