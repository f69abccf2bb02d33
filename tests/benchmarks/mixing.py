"""The mixed load in a process of its own, whose main thread has nothing to do but look at the clock."""

import sys

import anyio

from .row import Row

CONVERSATIONS = 200
QUICK_S, FULL_S = 10, 60


async def measure(full: bool) -> list[Row]:
    seconds = FULL_S if full else QUICK_S
    told, frozen = await _run(seconds), await _run(seconds, "--freeze")
    return [
        Row(
            f"{CONVERSATIONS} conversations at 50 chunks/s with cancels and faults mixed in, for {seconds} s",
            "nothing lost, the replay identical",
            f"lost {'; '.join(told['lost'])}; replay {'; '.join(told['replay'])}",
        ),
        Row("  how late the kernel's main thread comes round", "<= 50 ms", "; ".join(told["main late"])),
        Row("  the same, after `import anthropic` and `gc.freeze()` in a cell", "", "; ".join(frozen["main late"])),
        Row("  memory of the process", "flat", "; ".join(told["memory"])),
    ]


async def _run(seconds: float, *options: str) -> dict[str, list[str]]:
    load = ["tests.benchmarks.mixed_load", "--conversations", str(CONVERSATIONS), "--seconds", str(seconds)]
    done = await anyio.run_process([sys.executable, "-m", *load, *options], stderr=None)
    return _told(done.stdout.decode())


def _told(text: str) -> dict[str, list[str]]:
    """What stands behind each name, in one line or several."""
    told: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        name = line[:11].strip() or name
        told.setdefault(name, []).append(line[11:].strip())
    return told
