"""One live writer for each conversation, whoever shares the journal, and none that outlives its process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from jido_nb.journal.claims import claims_of
from jido_nb.journal.memory import MemoryJournal
from jido_nb.journal.open import open_journal

HOLDER = """
import sys
from jido_nb.journal.claims import claims_of
from jido_nb.journal.open import open_journal

journal = open_journal(sys.argv[1])
claims = claims_of(journal)
print(claims.claim("c1"), flush=True)
for line in sys.stdin:
    if line.strip() == "close":
        claims.close()
        print("closed", flush=True)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def place(request, tmp_path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "runs.sqlite")
    new_url: Callable[[], str] = request.getfixturevalue("postgres_url")
    return new_url()


@pytest.fixture
def holder(place):
    """Another process that holds the conversation c1."""
    with closing(open_journal(place)):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().strip() == "None"
        yield process
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


def test_a_conversation_is_held_by_one_process_which_is_named(place, holder):
    with closing(open_journal(place)) as journal, closing(claims_of(journal)) as claims:
        assert f"process {holder.pid}" in (claims.claim("c1") or "")
        assert claims.claim("c2") is None
        assert claims.claim("c2") is None


@pytest.mark.parametrize("end", ["killed", "closed"])
def test_it_is_free_when_its_holder_is_gone_however_that_went(place, holder, end):
    with closing(open_journal(place)) as journal, closing(claims_of(journal)) as claims:
        assert claims.claim("c1") is not None
        if end == "killed":
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait(10)
        else:
            holder.stdin.write("close\n")
            holder.stdin.flush()
            assert holder.stdout.readline().strip() == "closed"
        deadline = time.monotonic() + 20
        while claims.claim("c1") is not None:  # a server notices a moment later that a session is gone
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_two_of_one_process_are_kept_apart_too(place):
    with closing(open_journal(place)) as journal:
        with closing(claims_of(journal)) as first, closing(claims_of(journal)) as second:
            assert first.claim("c1") is None
            assert "process" in (second.claim("c1") or "")
            assert second.claim("c2") is None
        with closing(claims_of(journal)) as third:
            assert third.claim("c1") is None


def test_a_fork_holds_nothing_and_gives_nothing_up(tmp_path):
    with closing(open_journal(tmp_path / "runs.sqlite")) as journal, closing(claims_of(journal)) as claims:
        assert claims.claim("c1") is None
        child = os.fork()
        if child == 0:
            claims.close()
            with_own = claims_of(journal)
            os._exit(0 if with_own.claim("c1") is not None else 1)
        assert os.waitpid(child, 0)[1] == 0
        with closing(claims_of(journal)) as other:
            assert other.claim("c1") is not None


def test_a_journal_that_nobody_else_can_reach_is_free():
    with closing(claims_of(MemoryJournal())) as claims:
        assert claims.claim("c1") is None
