"""The contract of a journal, as tests: subclass, say how one is made, and pytest does the rest.

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def journal_factory(self, tmp_path):
            return lambda: MyJournal(tmp_path / f"{uuid4()}")

`DurableJournalContract` adds what holds for journals that outlive the process; it also needs `reopen`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..core.catalogue import APPLIED
from ..core.signal import Recorded
from ..errors import ClosedError
from ..journal.protocol import Journal
from .builders import Storyteller, signal, story
from .journal_model import SUBJECTS, ListJournal, questions, signals
from .journal_reading import ReadingContract

JournalFactory = Callable[[], Journal]
Reopen = Callable[[Journal], Journal]

# A factory makes a fresh journal for each example, so sharing the fixture between examples is fine.
_examples = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@contextmanager
def _fresh(factory: JournalFactory) -> Iterator[Journal]:
    with closing(factory()) as journal:
        yield journal


class JournalContract(ReadingContract):
    """Override `journal_factory`; each call must give an open, empty journal."""

    @pytest.fixture
    def journal_factory(self) -> JournalFactory:
        raise NotImplementedError("a subclass says how an empty journal is made")

    @pytest.fixture
    def journal(self, journal_factory: JournalFactory) -> Iterator[Journal]:
        with _fresh(journal_factory) as journal:
            yield journal

    def test_it_is_a_journal(self, journal: Journal) -> None:
        assert isinstance(journal, Journal)
        assert isinstance(journal.location, str)
        assert isinstance(journal.blocking, bool)

    def test_an_empty_journal_knows_nothing(self, journal: Journal) -> None:
        assert list(journal.read()) == []
        assert journal.subjects() == []
        assert journal.last_seq() == 0
        assert journal.find("m1") is None
        assert journal.unfinished_effects() == journal.unapplied() == []
        assert journal.append([]) == []

    def test_order_of_writing_is_order_of_seq_from_one_and_without_gaps(self, journal: Journal) -> None:
        told = story(retries=1)
        appended = journal.append(told[:5])
        for each in told[5:]:
            appended += journal.append([each])
        assert [entry.recorded.seq for entry in appended] == list(range(1, len(told) + 1))
        assert [recorded.seq for recorded in journal.read()] == list(range(1, len(told) + 1))
        assert [recorded.signal for recorded in journal.read()] == told
        assert journal.last_seq() == len(told)

    def test_what_comes_back_is_what_went_in_to_the_byte(self, journal: Journal) -> None:
        text = 'tab\t nul\0 quote" ☃ \U0001f600 \u2028 ' + "long " * 5000
        told = signal(
            content=text,
            extra={"none": None, "deep": [[{"x": -0.5}]], "big": 2**63, "": False},
            cause_id="m0",
            project_id="p",
            extensions={"traceparent": "00-1"},
            time_us=1,
        )
        journal.append([told])
        (back,) = [recorded.signal for recorded in journal.read()]
        assert back == told
        assert told == back
        assert back.body == told.body
        assert dict(back.extensions) == told.extensions
        assert (back.cause_id, back.project_id, back.time) == (told.cause_id, told.project_id, told.time)
        assert dict(back.data) == told.data
        assert back.data["content"] == text

    def test_a_duplicate_gives_the_stored_record_and_takes_no_seq(self, journal: Journal) -> None:
        first = signal(id="m1", content="first")
        again = signal(id="m1", content="second thoughts")
        other = signal(id="m2")
        (kept,) = journal.append([first])
        answer = journal.append([again, other])
        assert [entry.duplicate for entry in answer] == [True, False]
        assert answer[0].recorded == kept.recorded
        assert answer[0].recorded.signal.data["content"] == "first"
        assert answer[1].recorded.seq == 2

    def test_a_duplicate_inside_one_batch_is_seen(self, journal: Journal) -> None:
        answer = journal.append([signal(id="m1", content="first"), signal(id="m2"), signal(id="m1", content="second")])
        assert [(entry.recorded.seq, entry.duplicate) for entry in answer] == [(1, False), (2, False), (1, True)]
        assert answer[2].recorded.signal.data["content"] == "first"
        assert journal.last_seq() == 2

    def test_the_same_id_in_two_conversations_is_two_signals(self, journal: Journal) -> None:
        """The original keeps one of them only (W-6)."""
        answer = journal.append([signal(id="m1", subject="a"), signal(id="m1", subject="b")])
        assert [entry.duplicate for entry in answer] == [False, False]
        for subject in ("a", "b"):
            found = journal.find("m1", subject)
            assert found is not None
            assert found.signal.subject == subject
        anywhere = journal.find("m1")
        assert anywhere is not None
        assert anywhere.seq == 1
        assert journal.find("m1", "c") is None

    def test_conversations_come_in_the_order_of_their_first_signals(self, journal: Journal) -> None:
        journal.append(
            [signal(subject=subject, id=id) for subject, id in [("z", "1"), ("a", "1"), ("z", "2"), ("k", "1")]]
        )
        assert journal.subjects() == ["z", "a", "k"]

    def test_statistics_count(self, journal: Journal) -> None:
        journal.append([signal(subject=subject) for subject in ("a", "b")])
        facts = journal.statistics()
        assert facts["signals"] == 2
        assert facts["conversations"] == 2
        assert facts["bytes"] > 0

    def test_a_closed_journal_says_so(self, journal: Journal) -> None:
        journal.close()
        journal.close()
        uses: list[Callable[[], Any]] = [
            *(lambda: journal.append([signal()]), lambda: list(journal.read()), lambda: journal.find("m1")),
            *(journal.last_seq, journal.subjects, journal.statistics, journal.unfinished_effects, journal.unapplied),
        ]
        for use in uses:
            with pytest.raises(ClosedError):
                use()

    @pytest.mark.parametrize(("ending", "left"), [("completed", 0), ("failed", 0), ("canceled", 0), ("none", 1)])
    def test_an_effect_without_an_ending_is_unfinished(self, journal: Journal, ending: Any, left: int) -> None:
        journal.append(story(ending=ending, retries=1))
        found = journal.unfinished_effects()
        assert [recorded.signal.data["lifecycle"] for recorded in found] == ["started"] * left

    def test_a_question_that_nothing_answers_is_unfinished(self, journal: Journal) -> None:
        told = story()
        journal.append([told[0], *story("elsewhere")])
        assert [recorded.signal for recorded in journal.unfinished_effects()] == [told[0]]

    def test_an_effect_that_ended_before_it_started_is_finished(self, journal: Journal) -> None:
        asked = signal(id="m1")
        canceled = signal("conv.effect.llm.generation.canceled", cause_id="stop", effect_id="llm-generation-m1")
        journal.append([asked, canceled])
        assert journal.unfinished_effects() == []

    def test_what_no_marker_covers_is_unapplied(self, journal: Journal) -> None:
        teller = Storyteller()
        told = [*teller.turn("a"), *teller.turn("b"), *teller.turn("a")]
        journal.append(told)
        assert journal.unapplied() == []
        late = [signal(id="late", subject="b"), signal(id="m1", subject="new")]
        journal.append(late)
        assert [recorded.signal for recorded in journal.unapplied()] == late

    @given(batches=st.lists(st.lists(signals(), max_size=8), max_size=6), asked=st.lists(questions, max_size=6))
    @_examples
    def test_it_answers_like_a_plain_list(self, journal_factory: JournalFactory, batches: Any, asked: Any) -> None:
        model = ListJournal()
        with _fresh(journal_factory) as journal:
            for batch in batches:
                assert journal.append(batch) == model.append(batch)
                # Each time: a journal may remember up to where everything has ended.
                assert journal.unfinished_effects() == model.unfinished_effects()
            assert list(journal.read()) == model.records
            assert [recorded.signal.body for recorded in journal.read()] == [
                recorded.signal.body for recorded in model.records
            ]
            for question in asked:
                assert list(journal.read(**question)) == model.read(**question), question
            for recorded in model.records:
                id, subject = recorded.signal.id, recorded.signal.subject
                assert journal.find(id, subject) == recorded
                assert journal.find(id) == model.find(id)
            assert journal.subjects() == model.subjects()
            assert journal.last_seq() == len(model.records)
            assert journal.unapplied() == model.unapplied()

    @given(steps=st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 4)), max_size=30))
    @_examples
    def test_markers_over_any_runs_leave_what_they_do_not_cover(
        self, journal_factory: JournalFactory, steps: list[tuple[str, int]]
    ) -> None:
        model = ListJournal()
        with _fresh(journal_factory) as journal:
            for number, (subject, run) in enumerate(steps):
                waiting = [r.signal.id for r in model.unapplied() if r.signal.subject == subject][:run]
                if waiting:
                    data: dict[str, Any] = {"applied_event_id": waiting[-1], "applied_event_ids": waiting}
                    each = signal(APPLIED, subject, id=f"{waiting[-1]}/applied", **data)
                else:
                    each = signal(id=f"m{number}", subject=subject)
                assert journal.append([each]) == model.append([each])
                assert journal.unapplied() == model.unapplied()

    def test_threads_may_append_and_read_at_once(self, journal: Journal) -> None:
        writers, batches, size = 4, 20, 10
        seen: list[list[Recorded]] = []
        failures: list[BaseException] = []
        begin = threading.Barrier(writers + 1)

        def write(number: int) -> None:
            # The last signal of each batch is the same for all writers: one of them gets it in.
            for batch in range(batches):
                own = [signal(id=f"{number}/{batch}/{place}", subject=f"c{number}") for place in range(size - 1)]
                answer = journal.append([*own, signal(id=f"shared/{batch}", subject="shared")])
                assert [entry.recorded.signal.id for entry in answer[:-1]] == [each.id for each in own]

        def read() -> None:
            while not failures and (not seen or len(seen[-1]) < writers * batches * (size - 1) + batches):
                seen.append(list(journal.read()))

        def guarded(work: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                begin.wait(10)
                try:
                    work()
                except BaseException as error:
                    failures.append(error)

            return run

        threads = [threading.Thread(target=guarded(partial(write, number))) for number in range(writers)]
        reader = threading.Thread(target=guarded(read), daemon=True)
        for thread in (*threads, reader):
            thread.start()
        for thread in (*threads, reader):
            thread.join(60)
        assert not failures
        for records in seen:
            assert [recorded.seq for recorded in records] == list(range(1, len(records) + 1))
        assert len({(r.signal.subject, r.signal.id) for r in seen[-1]}) == len(seen[-1])


class DurableJournalContract(JournalContract):
    """Override `reopen` too: it closes a journal and opens the same one again."""

    @pytest.fixture
    def reopen(self) -> Reopen:
        raise NotImplementedError("a subclass says how a journal is opened again")

    def test_what_was_appended_is_there_after_reopening(self, journal: Journal, reopen: Reopen) -> None:
        told = story(retries=1)
        journal.append(told)
        with closing(reopen(journal)) as again:
            assert [recorded.signal for recorded in again.read()] == told
            assert [entry.duplicate for entry in again.append([told[0], signal(id="new")])] == [True, False]
            assert again.last_seq() == len(told) + 1
