"""What reading a journal promises, as tests: a part of `journal_suite.JournalContract`."""

from typing import Any

import pytest

from ..errors import ConfigError
from ..journal.protocol import Journal
from .builders import signal


class ReadingContract:
    """Needs a fixture `journal` that gives an open, empty journal."""

    def test_more_signals_than_a_page_come_whole_in_both_directions(self, journal: Journal) -> None:
        count = 2345
        journal.append([signal(id=str(number), subject=f"c{number % 2}") for number in range(count)])
        upward = [recorded.seq for recorded in journal.read()]
        assert upward == list(range(1, count + 1))
        assert [recorded.seq for recorded in journal.read(newest_first=True)] == upward[::-1]
        assert [recorded.seq for recorded in journal.read(subject="c1")] == upward[1::2]
        assert [recorded.seq for recorded in journal.read(newest_first=True, limit=1001)] == upward[:-1002:-1]

    def test_a_read_shows_the_journal_as_it_was_when_it_began(self, journal: Journal) -> None:
        journal.append([signal(id="1"), signal(id="2")])
        reading = journal.read()
        assert next(reading).seq == 1
        journal.append([signal(id="3")])
        assert [recorded.seq for recorded in reading] == [2]

    @pytest.mark.parametrize(
        ("asked", "ids"),
        [
            ({"since_us": 20}, ["2", "3", "late"]),
            ({"until_us": 20}, ["1"]),
            ({"since_us": 20, "until_us": 30}, ["2", "late"]),
            ({"since_us": 20, "limit": 1, "newest_first": True}, ["late"]),
            ({"backend": "jido_ai"}, ["1", "3"]),
            ({"backend": "jido_ai", "since_us": 20}, ["3"]),
            ({"backend": "jido"}, []),
        ],
    )
    def test_time_and_backend_narrow_a_read(self, journal: Journal, asked: dict[str, Any], ids: list[str]) -> None:
        """Times need not rise with `seq`: clocks are set back, and conversations are imported."""
        progress = "conv.effect.llm.generation.progress"
        journal.append(
            [
                signal(progress, id="1", time_us=10, backend="jido_ai"),
                signal(progress, id="2", time_us=20, backend="harness"),
                signal("conv.out.assistant.delta", id="3", time_us=30, backend="jido_ai"),
                signal(id="late", time_us=20, backend="jido_ai"),
            ]
        )
        assert [recorded.signal.id for recorded in journal.read(**asked)] == ids

    @pytest.mark.parametrize("pattern", ["", "conv..in", "conv.in*", ["conv.**", "a b"]])
    def test_a_bad_pattern_is_refused_at_once(self, journal: Journal, pattern: Any) -> None:
        with pytest.raises(ConfigError):
            journal.read(types=pattern)
