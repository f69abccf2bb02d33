"""Opening a journal asks for effects without an end: each effect that has one is looked at once in its life."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jido_nb.journal.open import open_journal
from jido_nb.journal.protocol import Journal
from jido_nb.journal.sqlite import SqliteJournal
from jido_nb.testing.builders import Storyteller, signal


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "runs.sqlite")
    new_url: Callable[[], str] = request.getfixturevalue("postgres_url")
    return new_url()


def unfinished(place: str, read_only: bool = False) -> list[int]:
    """The `seq` of what has no end, as a journal finds it that was just opened."""
    with closing(open_journal(place, read_only)) as journal:
        return [recorded.seq for recorded in journal.unfinished_effects()]


def kept(journal: Journal) -> Any:
    """Up to where everything has ended, as the journal tells whoever opens it next."""
    return journal._kept_rested()  # type: ignore[attr-defined]


def test_what_has_ended_is_not_looked_at_again(place: str) -> None:
    teller = Storyteller()
    with closing(open_journal(place)) as journal:
        journal.append([*teller.turn("a"), *teller.turn("b")])
        assert kept(journal) == 0
        assert journal.unfinished_effects() == []
        assert kept(journal) == journal.last_seq()
        first = journal.last_seq() + 1
        asked, *rest = teller.turn("a")
        journal.append([asked, *teller.turn("b")])
        assert unfinished(place) == [first]
        assert kept(journal) == first - 1
        journal.append(rest)
        assert unfinished(place) == []
        assert kept(journal) == journal.last_seq()


def test_what_it_says_is_true_whoever_wrote_meanwhile(place: str) -> None:
    """Also a version that knows nothing of it, and that has not read what came since."""
    teller = Storyteller()
    with closing(open_journal(place)) as journal:
        journal.append(teller.turn("a"))
        assert unfinished(place) == []
        asked, started, *rest = teller.turn("a")
        journal.append([asked, *teller.turn("b"), started, *teller.turn("b")])
        (begun,) = (recorded.seq for recorded in journal.read() if recorded.signal == started)
        assert unfinished(place) == [begun]
        journal.append(rest[:1])
        assert unfinished(place) == [begun]
        journal.append(rest[1:])
        assert unfinished(place) == []


def test_whoever_may_only_read_finds_the_same_and_leaves_no_trace(place: str) -> None:
    teller = Storyteller()
    with closing(open_journal(place)) as journal:
        journal.append([*teller.turn("a"), signal(id="m9", subject="a")])
        last = journal.last_seq()
        assert unfinished(place, read_only=True) == [last]
        assert kept(journal) == 0
        assert unfinished(place) == [last]
        assert unfinished(place, read_only=True) == [last]
        assert kept(journal) == last - 1


def steps_to_look(journal: SqliteJournal) -> int:
    """How many steps SQLite's machine makes for it: a measure of the rows that are read, the same on each machine."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    journal.last_seq()
    reader: sqlite3.Connection = journal._readers[-1]
    reader.set_progress_handler(step, 1)
    journal.unfinished_effects()
    reader.set_progress_handler(None, 1)
    return steps


def test_what_it_costs_depends_on_what_is_unfinished_and_not_on_how_long_the_log_is(tmp_path: Path) -> None:
    first, again = [], []
    for turns in (10, 300):
        path, teller = tmp_path / f"{turns}.sqlite", Storyteller()
        with closing(SqliteJournal(path)) as journal:
            for _ in range(turns):
                journal.append(teller.turn("a"))
            journal.append([signal(id="m-unfinished", subject="a")])
            first.append(steps_to_look(journal))
        with closing(SqliteJournal(path)) as journal:
            again.append(steps_to_look(journal))
            assert len(journal.unfinished_effects()) == 1
    assert first[1] > 10 * first[0]
    assert again[0] == again[1]
