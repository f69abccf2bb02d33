"""`fault_matrix`: what every backend does about every fault, tried out on the live runtime."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pandas as pd

from ..analysis.column import TEXT
from ..analysis.frames.attempts import attempts_df
from ..analysis.progress import progress as with_progress
from ..core.policy import DEFAULT_POLICIES, merged_policy
from ..errors import ConfigError, closest, from_one
from ..journal.open import open_journal
from ..journal.protocol import Journal
from ..llm.settings import Settings
from ..runtime.opening import open_runtime
from ..runtime.runtime import Runtime
from ..simulator.server import serve
from .faults import Fault, chosen_faults
from .portal import Put, results_of

BACKENDS: Mapping[str, str] = {"jido_ai": "simulated:{0.name}", "harness": "harness:simulated:{0.agent_model}"}
"""Backends that can be made to fail, and the model that does it."""

AT_ONCE = 4
"""Turns that run at the same time."""
LIMIT_S = 120.0
"""No turn takes longer; one that would is canceled."""
POLICY: Mapping[str, Any] = {"max_attempts": 3, "backoff_ms": 5, "jitter": 0.0, "timeout_ms": 30_000}
"""Waits that nobody minds. What a fault's own policy says, and then what the caller's says, is stronger."""
PROMPT = "Does it work?"


class _Played(NamedTuple):
    """A turn that has ended, and the place of its cell."""

    subject: str
    effect_id: str
    place: int


class _Cell(NamedTuple):
    """One turn to be had."""

    fault: Fault
    backend: str
    stream: bool
    repeat: int

    def name(self, run: int) -> str:
        """Of its conversation; `run` counts the matrices that share a journal."""
        mode = "stream" if self.stream else "whole"
        again = [f"repeat {self.repeat}"] if self.repeat > 1 else []
        return ", ".join([self.fault.name, self.backend, mode, *again, *([f"run {run}"] if run > 1 else [])])


def fault_matrix(
    backends: Iterable[str] = tuple(BACKENDS),
    faults: Iterable[str | Fault] | None = None,
    streams: bool | Iterable[bool] = (True, False),
    repeats: int = 1,
    *,
    effect_policy: Mapping[str, Any] | None = None,
    journal: str | Path | Journal | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Meet every fault with every backend, with and without streaming, and tell what became of each attempt.

    Servers and agents are simulated, but real: HTTP on the loopback, processes with pipes. No key is needed, and
    nothing outlives the call. It may be made from a cell or a script, and be interrupted.

    Args:
        backends: Of `jido_ai` and `harness`.
        faults: Names of `jido_nb.experiments.faults.FAULTS`, or `Fault`s of your own; None: all.
        streams: Whether answers are streamed: True, False or both; a fault that one cannot meet is left out there.
        repeats: How often each is tried.
        effect_policy: Parts of the policy, such as `{"max_attempts": 5}`.
        journal: Where to keep the log: a path, a URL or a Journal; None: in memory, and gone with the call.
        progress: Whether to show a bar when it takes long; None: where somebody watches.

    Returns:
        One row per attempt: its `fault` and `repeat`, then all columns of `attempts_df`, in the order of the arguments.
        `retry_matrix(frame, index="fault")` tabulates it.

    Raises:
        ConfigError: an unknown backend or fault, no mode, or a number that is none.
        ContractError: the policy is not valid.
        JournalError: the journal cannot be opened.
    """
    cells = _cells(_known(backends), chosen_faults(faults), _modes(streams), repeats)
    policies = [_policy(cell.fault, effect_policy) for cell in cells]
    opened = open_journal(journal)
    played: dict[tuple[str, str], int] = {}

    async def play(put: Put[_Played]) -> None:
        await _play(cells, policies, opened, put)

    try:
        with closing(results_of(play)) as turns:
            bar = with_progress(turns, total=len(cells), what="faults", unit="turns", show=progress)
            played |= {(turn.subject, turn.effect_id): turn.place for turn in bar}
        return _frame(cells, attempts_df(opened), played)
    finally:
        if opened is not journal:
            opened.close()


def _known(backends: Iterable[str]) -> list[str]:
    if not isinstance(backends, Iterable):
        message = f"backends are names such as {', '.join(BACKENDS)}, not {backends!r}"
        raise ConfigError(message, field="backends", value=backends)
    names = [backends] if isinstance(backends, str) else list(backends)
    for name in names:
        if name not in BACKENDS:
            message = f"no faults are known for the backend {name!r}, but for {', '.join(BACKENDS)}."
            raise ConfigError(message + closest(name, BACKENDS), field="backends", value=name)
    return list(dict.fromkeys(names))


def _modes(streams: bool | Iterable[bool]) -> list[bool]:
    modes = [streams] if isinstance(streams, bool) or not isinstance(streams, Iterable) else list(streams)
    if not modes or not all(isinstance(mode, bool) for mode in modes):
        raise ConfigError(f"streams is True, False or both, not {streams!r}", field="streams", value=streams)
    return modes


def _cells(backends: Sequence[str], faults: Sequence[Fault], streams: Sequence[bool], repeats: int) -> list[_Cell]:
    times = from_one(repeats, "repeats")
    return [
        _Cell(fault, backend, stream, repeat)
        for fault in faults
        for backend in backends
        for stream in dict.fromkeys(streams)
        if stream in fault.streams
        for repeat in range(1, times + 1)
    ]


def _policy(fault: Fault, asked: Mapping[str, Any] | None) -> Mapping[str, Any]:
    merged_policy(DEFAULT_POLICIES["llm"], asked)  # a mistake is told before anything runs
    return {**POLICY, **fault.policy, **(asked or {})}


async def _play(
    cells: Sequence[_Cell], policies: Sequence[Mapping[str, Any]], journal: Journal, put: Put[_Played]
) -> None:
    """Have every turn, a few at a time, and put each once it has ended."""
    limiter = anyio.CapacityLimiter(AT_ONCE)
    known = set(journal.subjects())
    run = next(run for run in count(1) if not any(cell.name(run) in known for cell in cells))
    async with serve() as server:
        for fault in {cell.fault.name: cell.fault for cell in cells}.values():
            server.add(fault.name, fault.scenario)
        provider = {"kind": "simulated", "base_url": server.url}
        settings = Settings.model_validate(
            {"llm": {"backends": {"jido_ai": {"providers": {"simulated": provider}}}}, "recording": {"mode": "off"}}
        )
        async with open_runtime(settings, journal) as runtime, anyio.create_task_group() as tasks:

            async def have(place: int) -> None:
                async with limiter:
                    put(await _turn(runtime, cells[place], policies[place], run, place))

            for place in range(len(cells)):
                tasks.start_soon(have, place)


async def _turn(runtime: Runtime, cell: _Cell, policy: Mapping[str, Any], run: int, place: int) -> _Played:
    chat = runtime.conversation(cell.name(run))
    model = BACKENDS[cell.backend].format(cell.fault)
    turn = await chat.send(PROMPT, model=model, stream=cell.stream, effect_policy=policy)
    with anyio.move_on_after(LIMIT_S):
        await turn.wait()
    if not turn.done:
        await turn.cancel("the matrix waits no longer")
    return _Played(turn.conversation_id, turn.effect_id, place)


def _frame(cells: Sequence[_Cell], attempts: pd.DataFrame, played: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """The attempts of these turns, in the order of the cells, with what each was about in front."""
    keys = zip(attempts["conversation_id"], attempts["effect_id"], strict=True)
    places = pd.Series([played.get(key, -1) for key in keys], attempts.index, "int64")
    mine = places[places >= 0].sort_values(kind="stable")
    frame = attempts.loc[mine.index].reset_index(drop=True)
    about = [cells[place] for place in mine]
    frame.insert(0, "repeat", pd.Series([cell.repeat for cell in about], frame.index, "int64[pyarrow]"))
    frame.insert(0, "fault", pd.Series([cell.fault.name for cell in about], frame.index, pd.ArrowDtype(TEXT)))
    return frame
