"""After every turn the log is held against its own replay, a moment later and without being in anybody's way."""

import anyio
import pytest
from anyio.lowlevel import checkpoint

import jido_nb
from jido_nb.errors import JournalError
from jido_nb.journal.memory import MemoryJournal
from jido_nb.runtime import parity

pytestmark = pytest.mark.anyio


class UnreadableJournal(MemoryJournal):
    """Takes everything, and from some moment on gives nothing back."""

    fault: JournalError | None = None

    def read(self, **question):
        if self.fault is not None:
            raise self.fault
        return super().read(**question)


async def _turns(runtime: "jido_nb.Runtime", count: int) -> None:
    for _ in range(count):
        turn = await runtime.conversation(model="simulated:echo").send("hello")
        assert (await turn.result()).status == "completed"


async def test_checks_wait_for_others_and_whoever_waits_for_them_does_not(monkeypatch):
    monkeypatch.setattr(parity, "PAUSE_S", 3600)
    async with jido_nb.open_runtime() as runtime:
        await _turns(runtime, 3)
        assert runtime.health().turns_checked == 0
        with anyio.fail_after(30):
            await runtime.idle()
        assert runtime.health().turns_checked == 3


async def test_nobody_has_to_wait_for_them_to_be_made(monkeypatch):
    monkeypatch.setattr(parity, "PAUSE_S", 0.001)
    async with jido_nb.open_runtime() as runtime:
        await _turns(runtime, 1)
        with anyio.fail_after(30):
            while runtime.health().turns_checked == 0:
                await checkpoint()


async def test_a_check_that_cannot_be_made_is_told_and_the_next_one_is_made(monkeypatch):
    monkeypatch.setattr(parity, "PAUSE_S", 3600)
    journal = UnreadableJournal()
    async with jido_nb.open_runtime(journal=journal) as runtime:
        await _turns(runtime, 1)
        journal.fault = JournalError("the disk is gone", path="memory")
        await runtime.idle()
        assert runtime.health().problems == ("the replay could not be checked: the disk is gone",)
        journal.fault = None
        await _turns(runtime, 1)
        await runtime.idle()
        assert runtime.health().turns_checked == 2
