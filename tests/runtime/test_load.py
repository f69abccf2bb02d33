"""Many conversations over real sockets, with cancels and faults mixed in: nothing is lost, and the log replays."""

from contextlib import closing

import pytest

import jido_nb
from jido_nb.journal.open import open_journal

from ..benchmarks.mixed_load import load, steady_simulator

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_under_load_with_cancels_and_faults_nothing_is_lost_and_the_log_replays(tmp_path, log_check):
    path = tmp_path / "runs.sqlite"
    with steady_simulator() as url:
        done = await load(url, path, conversations=60, seconds=3)
    assert done.asked >= 60
    assert done.wrong == []
    assert set(done.statuses) == {"completed", "failed", "canceled"}
    with closing(open_journal(path, read_only=True)) as journal:
        log_check(list(journal.read()))
    turns = jido_nb.turns_df(path)
    assert dict(turns.status.value_counts()) == dict(done.statuses)
    assert len(turns) == done.asked
