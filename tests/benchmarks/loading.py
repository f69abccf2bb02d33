"""What `import jido_nb` and `%load_ext jido_nb` cost, each in a fresh interpreter."""

import statistics
import subprocess
import sys

from .row import Row

ROUNDS = 7
SHELL = (
    "from IPython.core.interactiveshell import InteractiveShell as S; shell = S.instance(); import ipykernel.ipkernel\n"
)
TIMED = "import time; began = time.perf_counter()\n{}\nprint(1000 * (time.perf_counter() - began))"


async def measure(full: bool) -> list[Row]:
    imported = _median(TIMED.format("import jido_nb"))
    loaded = _median(SHELL + TIMED.format("shell.run_line_magic('load_ext', 'jido_nb')"))
    return [
        Row("import jido_nb", "", f"{imported:.0f} ms"),
        Row("%load_ext jido_nb over a bare kernel", "<= 150 ms", f"{loaded:.0f} ms (median of {ROUNDS})"),
    ]


def _median(code: str) -> float:
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(ROUNDS)]
    return statistics.median(float(run.stdout.split()[-1]) for run in runs)
