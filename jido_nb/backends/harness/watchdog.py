"""Find and kill what belongs to a run, also when the process that started it is dead.

Every process of a run carries the run's marker in its environment, whatever session or group it moved to. What dropped
its environment is found by its parents, as long as they live.

This file runs as a program too, beside the kernel, with the standard library alone: its standard input is a pipe from
the kernel, with lines `+ <marker>` (a run begins), `= <marker> <pid>` (its first process), `- <marker>` (it is over).
When the pipe ends, the kernel is gone, however it went; then every run that is not over is killed. A parent-death
signal could not do this: it follows the thread that forked, and does not reach grandchildren.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable

MARKER = "JIDO_NB_RUN"
"""Environment variable: the markers of the runs that a process belongs to, separated by commas."""

KILL_LIMIT_S = 3.0
_PAUSE_S = 0.005

Identity = tuple[int, str]
"""Process id and start time: ids are used again, pairs are not."""


def marked(marker: str) -> set[Identity]:
    """The living processes that carry `marker`; none where the system does not show environments."""
    found: set[Identity] = set()
    needle = marker.encode()
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if needle in environment and any(
            needle in value.split(b",") for value in _values(environment.split(b"\0"), MARKER.encode())
        ):
            found |= _identity(pid)
    return found - _identity(os.getpid())


def family(leader: int) -> set[Identity]:
    """The living process `leader`, all below it, and all of its process group."""
    table = _table()
    inside = {pid for pid, (_, group, _) in table.items() if group == leader or pid == leader}
    grown = True
    while grown:
        below = {pid for pid, (parent, _, _) in table.items() if parent in inside} - inside
        inside |= below
        grown = bool(below)
    return {(pid, table[pid][2]) for pid in inside - {os.getpid()} if pid in table}


def kill_all(marker: str, known: Iterable[Identity] = (), limit_s: float = KILL_LIMIT_S) -> int:
    """Kill what carries `marker`, and those of `known` that still live, until none is left; blocks, at most `limit_s`.

    Returns how many there were.
    """
    killed: set[Identity] = set()
    known = set(known)
    until = time.monotonic() + limit_s
    while True:
        alive = marked(marker) | {identity for identity in known if identity in _identity(identity[0])}
        for pid, _ in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                known = {identity for identity in known if identity[0] != pid}
        killed |= alive
        if not alive or time.monotonic() >= until:
            return len(killed)
        time.sleep(_PAUSE_S)


def _values(variables: Iterable[bytes], name: bytes) -> Iterable[bytes]:
    return (variable[len(name) + 1 :] for variable in variables if variable.startswith(name + b"="))


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _identity(pid: int) -> set[Identity]:
    """The living process of that id, as a set of one or none; a zombie is none."""
    row = _row(pid) if os.path.isdir("/proc/self") else _table().get(pid)
    return {(pid, row[2])} if row else set()


def _row(pid: int) -> tuple[int, int, str] | None:
    """(parent, group, start time) of a living process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in brackets, may hold anything, brackets and blanks included.
            facts = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if facts[0] in (b"Z", b"X") else (int(facts[1]), int(facts[2]), facts[19].decode())


def _table() -> dict[int, tuple[int, int, str]]:
    if os.path.isdir("/proc/self"):
        rows = ((pid, _row(pid)) for pid in _pids())
        return {pid: row for pid, row in rows if row}
    try:
        listed = subprocess.run(
            ["/bin/ps", "-axo", "pid=,ppid=,pgid=,stat=,lstart="], capture_output=True, text=True, check=False
        )
    except OSError:
        return {}
    fields = (line.split(None, 4) for line in listed.stdout.splitlines())
    return {
        int(pid): (int(parent), int(group), start) for pid, parent, group, state, start in fields if state[0] != "Z"
    }


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    runs: dict[str, int] = {}
    for line in _lines_until_parent_ends(os.getppid()):
        sign, marker, *pid = line.split()
        if sign == "-":
            runs.pop(marker, None)
        else:
            runs[marker] = int(pid[0]) if pid else 0
    for marker, leader in runs.items():
        kill_all(marker, family(leader) if leader else ())
        # A process that was being forked when the kernel died carries its marker a moment later.
        time.sleep(0.1)
        kill_all(marker)


def _lines_until_parent_ends(parent: int) -> Iterable[str]:
    # A fork of the kernel may hold the pipe open, so the kernel's own end is watched as well.
    try:
        watched = [0, os.pidfd_open(parent)]
    except (AttributeError, OSError):
        watched = [0]
    rest = b""
    while True:
        ready = select.select(watched, [], [])[0]
        chunk = os.read(0, 65536) if 0 in ready else b""
        rest += chunk
        *lines, rest = rest.split(b"\n")
        yield from (line.decode() for line in lines if line)
        if not chunk:
            return


if __name__ == "__main__":
    main()
