"""The simulator in a process of its own, so that what it costs is not counted as ours."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from jido_nb.simulator.catalogue import CATALOGUE
from jido_nb.simulator.scenario import Scenario
from jido_nb.simulator.server import serve

STEADY = {"steady-4": Scenario.text(("word ",) * 200, pause_ms=20)}
"""Fifty chunks a second for four seconds."""


@contextmanager
def simulator_process() -> Iterator[str]:
    """Its URL, for as long as the block lasts."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def settings_for(url: str) -> dict[str, object]:
    """Settings whose `simulated:` models are those of the process."""
    return {"llm": {"backends": {"jido_ai": {"providers": {"simulated": {"base_url": url}}}}}}


async def _serve() -> None:
    async with serve(catalogue={**CATALOGUE, **STEADY}, keep=0) as server:
        print(server.url, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(_serve)
