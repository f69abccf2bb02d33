"""Every backend meets every fault; what came of it is a table."""

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from jido_nb.analysis.frames.attempts import attempts_df
from jido_nb.analysis.replay import replay
from jido_nb.analysis.retry_matrix import retry_matrix
from jido_nb.errors import ConfigError, ContractError
from jido_nb.experiments.fault_matrix import BACKENDS, fault_matrix
from jido_nb.experiments.faults import FAULTS, Fault
from jido_nb.journal.memory import MemoryJournal
from jido_nb.simulator.agent_modes import MODES
from jido_nb.simulator.scenario import Scenario, Status

QUICK: dict[str, tuple[int, str, str]] = {
    "none": (1, "completed", ""),
    "503 twice": (3, "completed", "provider"),
    "429 once": (2, "completed", "provider"),
    "401": (1, "failed", "auth"),
    "truncated": (3, "failed", "transport"),
}
"""Attempts, how the last one ends, and why the first one failed."""


def test_both_backends_do_the_same_about_a_fault() -> None:
    """One attempt on the wire, one row; and nothing of it depends on who was asked, or on streaming."""
    threads = set(threading.enumerate())
    frame = fault_matrix(faults=QUICK)
    assert set(threading.enumerate()) <= threads
    for (fault, _, _), rows in frame.groupby(["fault", "backend", "stream"]):
        attempts, ending, category = QUICK[str(fault)]
        assert rows["attempt"].tolist() == list(range(1, attempts + 1))
        assert rows["outcome"].tolist() == ["retried"] * (attempts - 1) + [ending]
        assert (rows["error_category"].iloc[0] if category else "") == category
    matrix = retry_matrix(frame, index="fault")
    assert {tuple(row) for row in matrix.to_numpy()} == {(attempts,) * 4 for attempts, _, _ in QUICK.values()}
    assert list(frame["fault"].drop_duplicates()) == list(QUICK)


def test_it_keeps_its_log_and_tells_only_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "matrix.sqlite"
    for _ in range(2):
        frame = fault_matrix("jido_ai", ["503"], streams=[True], repeats=2, journal=path)
        assert frame["repeat"].tolist() == [1, 1, 1, 2, 2, 2]
    assert len(attempts_df(path)) == 2 * len(frame)
    assert replay(path).identical


def test_a_fault_and_a_policy_of_ones_own() -> None:
    teapot = Fault("teapot", Scenario.text(("no coffee",)).after(Status(418)), "status-400")
    policy = {"max_attempts": 5, "backoff_ms": 1}
    frame = fault_matrix(["jido_ai"], [teapot, "503"], streams=[False], effect_policy=policy)
    assert frame.groupby("fault").size().to_dict() == {"503": 5, "teapot": 1}
    assert frame["http_status"].tolist() == [418, 503, 503, 503, 503, 503]


def test_it_works_where_a_loop_is_running_already() -> None:
    async def cell() -> int:
        return len(fault_matrix(["jido_ai"], ["none"], streams=[True]))

    assert asyncio.run(cell()) == 1


def test_an_interrupt_ends_it_and_everything_it_had_begun() -> None:
    journal = MemoryJournal()
    threads = set(threading.enumerate())

    def interrupt() -> None:
        for _ in range(3000):
            if any(True for _ in journal.read(types="conv.out.assistant.delta")):
                break
            pause.wait(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    pause = threading.Event()
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        fault_matrix(["jido_ai"], ["silence"], effect_policy={"idle_timeout_ms": 60_000}, journal=journal)
    watcher.join()
    assert set(threading.enumerate()) <= threads
    assert attempts_df(journal)["outcome"].tolist() == ["canceled"]
    assert not journal.unfinished_effects()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"backends": ["jido"]}, "no faults are known for the backend 'jido', but for jido_ai, harness"),
    ({"faults": ["530"]}, "no fault named '530'"),
    ({"faults": ["503", "503"]}, "two faults are named '503'"),
    ({"backends": 3}, "backends are names such as jido_ai, harness, not 3"),
    ({"faults": 401}, "faults are names such as none, 503 twice, 429 once, 400, or `Fault`s, not 401"),
    ({"streams": "yes"}, "streams is True, False or both, not 'yes'"),
    ({"streams": None}, "streams is True, False or both, not None"),
    ({"streams": []}, "streams is True, False or both, not []"),
    ({"repeats": 0}, "repeats is a number from 1, not 0"),
]


@pytest.mark.parametrize(("how", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_is_not_there_is_refused_before_anything_runs(how: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fault_matrix(**how)
    assert told in str(caught.value)


def test_one_mode_is_enough() -> None:
    frame = fault_matrix("jido_ai", "401", True, progress=False)
    assert frame["stream"].tolist() == [True]


def test_a_policy_that_is_none_is_refused_before_anything_runs() -> None:
    with pytest.raises(ContractError, match="max_attemps"):
        fault_matrix(effect_policy={"max_attemps": 5})


def test_every_fault_can_be_met_by_every_backend() -> None:
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.agent_model in MODES
        assert fault.doc
    assert set(BACKENDS) == {"jido_ai", "harness"}
