"""Run the journeys and print the table: `python -m tests.benchmarks.report [journey ...] [--full] [--write]`.

A report, not a test: nothing here fails because a machine is slow. Ratios are taken in one run, so that they mean
something on any machine. Without `--full` it takes two minutes; with it, every size, a browser, and a good deal longer.
`--write` puts the table and the plot into `docs/`.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context

import anyio

from .page import write
from .row import Row, table

JOURNEYS = (
    *("peers", "streaming", "openai_streaming", "ingesting", "canceling", "sustained", "storing", "scheduling"),
    *("growing", "tabulating", "loading", "million", "mixing", "browsing"),
)
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
        # Each in a process of its own: what one has imported and kept, the collector of the next would walk through.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            rows += process.submit(_measured, name, options.full).result()
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if options.write:  # after each, so that whoever runs out of time keeps what there is
            write(rows, " ".join(argv))
    print(table(rows))


def _measured(name: str, full: bool) -> list[Row]:
    rows: list[Row] = anyio.run(import_module(f"{__package__}.{name}").measure, full)
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
