"""The simulator in a process of its own, so that what it costs is not counted as ours."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVE = "from jido_nb.simulator.command import simulate; simulate(['--quiet'])"


@contextmanager
def simulator_process() -> Iterator[str]:
    """Its URL, for as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def settings_for(url: str) -> dict[str, object]:
    """Settings whose `simulated:` models are those of the process."""
    return {"llm": {"backends": {"jido_ai": {"providers": {"simulated": {"base_url": url}}}}}}
