"""The journal in memory keeps the contract of journals."""

import pytest

from jido_nb.journal.memory import MemoryJournal
from jido_nb.testing.journal_suite import JournalContract, JournalFactory


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal_factory(self) -> JournalFactory:
        return MemoryJournal

    def test_it_may_run_on_an_event_loop(self, journal: MemoryJournal) -> None:
        assert journal.blocking is False
        assert journal.location == "memory"
