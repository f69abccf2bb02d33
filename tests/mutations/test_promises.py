"""Break one promise at a time: the test that proves it must notice.

Each row changes a line of the package, in a process of its own, and runs the one test that must then fail.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Broken(NamedTuple):
    module: str
    old: str
    new: str
    test: str
    """Its place under `tests/`, and options for pytest."""


BROKEN = {
    "a commit is dropped": Broken(
        "journal.sqlite",
        'writer.execute("COMMIT")',
        'writer.execute("ROLLBACK")',
        "journal/test_sqlite.py::TestSqliteJournal::test_what_was_appended_is_there_after_reopening",
    ),
    "acknowledged into a file that is gone": Broken(
        "journal.same_files",
        "if now != found and",
        "if False and",
        "journal/test_same_files.py::test_what_would_be_written_to_a_file_that_is_gone_is_refused",
    ),
    "acknowledged before it is durable": Broken(
        "runtime.effect_worker",
        'await self._outbox.flush()\n        reached("effect.started")',
        'reached("effect.started")',
        "runtime/test_effect_worker.py::test_started_is_durable_before_the_backend_is_called",
    ),
    "told before it is written": Broken(
        "runtime.ingest",
        '        reached("ingest.taken")\n',
        "        [self._bus.publish(Recorded(0, signal)) for signal in signals]\n",
        "runtime/test_ingest.py::test_a_signal_is_in_the_journal_before_any_subscriber_hears_of_it",
    ),
    "a second terminal signal": Broken(
        "runtime.effect_worker",
        "self._put(self.ending, self._terminal)",
        "[self._put(self.ending, self._terminal) for _ in range(2)]",
        "runtime/test_effect_worker.py::test_a_good_stream_is_started_progress_completed",
    ),
    "what was left behind ends again": Broken(
        "runtime.effect_worker",
        "        if self._over:\n            return\n",
        "",
        "runtime/test_faults.py::test_a_backend_that_swallows_cancellation_is_left_behind_and_its_effect_ends",
    ),
    "called durable when nobody writes": Broken(
        "runtime.ingest",
        "pending.error = self.failure = self.failure or ",
        "pending.error = ",
        "runtime/test_ingest.py::test_what_is_put_when_nobody_writes_any_more_is_refused_at_once",
    ),
    "completed after canceled": Broken(
        "runtime.effect_worker",
        "if self.ending is None and self._request is None:",
        "if self.ending is None:",
        "runtime/test_effect_races.py::test_a_cancel_wins_over_whatever_the_executor_makes_of_it",
    ),
    "completed after canceled, over real connections": Broken(
        "runtime.effect_worker",
        "if self.ending is None and self._request is None:",
        "if self.ending is None:",
        "runtime/test_races_sockets.py::test_whatever_comes_first_over_real_sockets_an_effect_ends_once",
    ),
    "a leaked key": Broken(
        "runtime.redactor",
        "if not self.enabled or not (more",
        "if True or not (more",
        "runtime/test_secrets.py::test_no_secret_is_written_or_told_anywhere",
    ),
    "an answer that a browser would run": Broken(
        "notebook.display",
        '{"html": False',
        '{"html": True',
        "notebook/test_hostile.py::test_a_turn_at_rest_is_safe",
    ),
    "a cancel that is told as an error": Broken(
        "otel.spans",
        'if "error" in facts:',
        'if "error" in facts or facts.get("status") == "canceled":',
        "otel/test_recorder.py::test_a_cancel_is_not_an_error",
    ),
    "a migration that is left out": Broken(
        "journal.sqlite_schema",
        "for step in migrations[version_of(connection) :]:",
        "for step in migrations[version_of(connection) + 1 :]:",
        "journal/test_sqlite_file.py::test_migrations_run_once_in_order_and_all_or_nothing",
    ),
    "what was said is looked for among what was streamed": Broken(
        "journal.sqlite_filter",
        "        if said:\n",
        "        if False:\n",
        "journal/test_sqlite.py::test_to_find_what_was_said_last_nobody_walks_over_what_was_streamed",
    ),
    "a gulp that waits for the next one": Broken(
        "runtime.joiner",
        "(at_ms if self.gulps else self._sent_at_ms)",
        "self._sent_at_ms",
        "runtime/test_joiner.py::test_a_gulp_goes_out_in_one_piece_and_does_not_wait_for_the_next_one",
    ),
    "a marker that lies": Broken(
        "core.engine",
        "run.ids.append(signal.id)",
        "run.ids.insert(0, signal.id)",
        "core/test_replay.py::test_a_replay_equals_what_was_lived",
    ),
    "a duplicate is applied twice": Broken(
        "runtime.ingest",
        "            if not duplicate:\n",
        "            if True:\n",
        "runtime/test_ingest.py::test_an_answer_that_a_duplicate_follows_comes_to_rest",
    ),
    "a cancel that leaves the process alive": Broken(
        "backends.harness.process",
        "os.killpg(self.pid, number)",
        "pass",
        "backends/harness/test_stopping.py::test_a_cancel_leaves_nothing_alive_and_says_what_it_took -k s-signals",
    ),
    "one attempt too many": Broken(
        "runtime.backoff",
        "attempt >= policy.max_attempts",
        "attempt > policy.max_attempts",
        "runtime/test_effect_worker.py::test_a_failure_that_stays_ends_after_the_last_attempt",
    ),
    "an abort that overtakes what it means": Broken(
        "runtime.writing_line",
        "signal.subject in self._fixed or ",
        "",
        "runtime/test_writing_line.py::test_a_wish_stays_behind",
    ),
    "a wish that a crash forgets": Broken(
        "runtime.wreckage",
        "if wish is not None:",
        "if False:",
        "runtime/test_going_on.py::test_a_wish_to_end_it_that_was_durable_is_kept",
    ),
    "an effect that is taken for ended": Broken(
        "journal.sql_journal",
        "found[0].seq - 1 if found else last",
        "last",
        "journal/test_unfinished.py::test_what_has_ended_is_not_looked_at_again -k sqlite",
    ),
    "given back while its marker is to be written": Broken(
        "runtime.partition",
        " or marking[name]",
        "",
        "runtime/test_sharing.py::test_a_conversation_is_not_given_back_while_its_marker_is_still_to_be_written",
    ),
    "two writers of one conversation": Broken(
        "runtime.owners",
        "            self._shared = True\n            return holder\n",
        "            pass\n",
        "runtime/test_sharing.py::test_a_symbolic_link_is_no_way_around",
    ),
}
"""What goes wrong, the line that makes it so, and the test that must notice."""


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_noticed(promise, tmp_path):
    module, old, new, test = BROKEN[promise]
    command = [sys.executable, str(Path(__file__).with_name("mutant.py")), f"jido_nb.{module}", old, new]
    # What Hypothesis finds in a broken package must not be tried again in the whole one.
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    done = subprocess.run(
        [*command, *f"tests/{test}".split()], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "1 failed" in done.stdout, done.stdout
