"""A log as of an earlier moment, and how a replay shows that it works."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from jido_nb.analysis.as_of import AsOf
from jido_nb.analysis.frames.turns import turns_df
from jido_nb.analysis.progress import is_watched, progress
from jido_nb.analysis.replay import replay
from jido_nb.core.catalogue import APPLIED
from jido_nb.core.replay import Replayer
from jido_nb.core.signal import Recorded
from jido_nb.errors import ConfigError


def said(moment: AsOf, subject: str) -> list[tuple[str, str]]:
    return [(entry.kind, entry.content) for entry in moment.timeline(subject)]


def test_a_moment_in_mid_answer_shows_what_had_arrived(eventful_log: list[Recorded], sqlite_path: Path) -> None:
    for source in (eventful_log, sqlite_path):
        verdict = replay(source)
        assert said(verdict.at(4), "c1")[-1] == ("delta", "Once")
        # The attempt was thrown away, and with it what it had said.
        retried = next(each.seq for each in eventful_log if each.signal.data.get("status") == "retrying")
        assert said(verdict.at(retried), "c1") == [("message", "tell me a story")]
        assert said(verdict.at(14), "c1")[-1] == ("message", "Once upon a time")


def test_the_context_is_what_a_model_would_have_been_told_then(eventful_log: list[Recorded]) -> None:
    verdict = replay(eventful_log)
    assert [message.content for message in verdict.at(1).context()] == ["tell me a story"]
    second = next(each.seq for each in eventful_log if each.signal.id == "m2")
    told = [(message.role, message.content) for message in verdict.at(second).context("c1")]
    assert told == [("user", "tell me a story"), ("assistant", "Once upon a time"), ("user", "go on")]
    assert len(verdict.at(second).context("c1", max_messages=1)) == 1


def test_the_states_of_every_moment_are_those_that_were_lived(eventful_log: list[Recorded]) -> None:
    """At a marker, everything before it has been applied: the replay so far must agree, to the hash."""
    verdict = replay(eventful_log)
    replayer = Replayer()
    for recorded in eventful_log:
        replayer.feed(recorded)
        moment = verdict.at(recorded.seq)
        counts = sum(state.applied_count for state in moment.states.values())
        assert counts == sum(each.signal.type != APPLIED for each in eventful_log[: recorded.seq])
        if recorded.signal.type == APPLIED and not replayer.unapplied:
            assert moment.states == replayer.states


def test_a_moment_applies_in_the_order_that_a_later_marker_tells(new_story: Any) -> None:
    story = new_story()
    effect = story.message(0)
    effect.start(1)
    effect.text(5, "Once", (4.0, 4))
    effect.complete(9, "Once", duration_ms=8.0)
    story.mark(9)
    lived = replay(story.log).states["c1"]
    before_the_marker = replay(story.log).at(len(story.log) - 1)
    assert before_the_marker.states["c1"] == lived


def test_a_moment_is_a_source(eventful_log: list[Recorded]) -> None:
    moment = replay(eventful_log).at(5)
    assert [recorded.seq for recorded in moment] == [1, 2, 3, 4, 5]
    assert list(turns_df(moment)["status"]) == ["running"]
    assert replay(moment).signals == 5


def test_a_moment_reads_at_a_glance_and_is_frozen_to_its_conversation(eventful_log: list[Recorded]) -> None:
    moment = replay(eventful_log, subject="c2").at(37)
    assert repr(moment).splitlines() == [
        "The log as of seq 37",
        "  conversations      1",
        "  applied            14",
        "  effects in flight  1",
    ]
    assert "<table" in moment._repr_mimebundle_()["text/html"]
    assert moment.timeline() == moment.timeline("c2")


@pytest.mark.parametrize("seq", [0, -1, 38, 3.0, "3", True, None])
def test_a_moment_that_was_not_replayed_is_refused(eventful_log: list[Recorded], seq: Any) -> None:
    with pytest.raises(ConfigError, match=f"seq is 1 to 37 here, not {seq!r}"):
        replay(eventful_log).at(seq)


@pytest.mark.parametrize(("subject", "told"), [(None, "name one of them"), ("c3", "not 'c3'")])
def test_a_conversation_must_be_named_where_there_are_several(
    eventful_log: list[Recorded], subject: str | None, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        replay(eventful_log).at(37).timeline(subject)


def test_signals_that_can_be_read_only_once_are_kept(eventful_log: list[Recorded]) -> None:
    assert replay(iter(eventful_log)).at(5).states == replay(eventful_log).at(5).states


def shown(monkeypatch: pytest.MonkeyPatch, show: bool | None) -> str:
    """What standard error says while three slow things are done."""
    monkeypatch.setattr("jido_nb.analysis.progress.SLOW_S", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress([1, 2, 3], total=3, what="replay", unit="signals", show=show)) == [1, 2, 3]
    return sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_bar_is_shown_where_somebody_watches_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "replay" in shown(monkeypatch, True)
    assert shown(monkeypatch, None) == ""
    monkeypatch.setenv("JIDO_NB_FRONTEND", "terminal")
    assert "replay" in shown(monkeypatch, None)
    monkeypatch.setenv("JIDO_NB_FRONTEND", "headless")
    assert shown(monkeypatch, None) == ""
    assert not is_watched()


def test_what_is_quick_shows_no_bar(eventful_log: list[Recorded], capsys: pytest.CaptureFixture[str]) -> None:
    verdict = replay(eventful_log, progress=True)
    assert verdict.seconds > 0
    assert capsys.readouterr().err.strip("\r ") == ""
