"""The verdict of a replay, for people."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from jido_nb.analysis.replay import DIVERGENCE_COLUMNS, Replay, ReplayDiverged, replay
from jido_nb.core.signal import Recorded, to_body
from jido_nb.errors import JidoError
from jido_nb.testing.builders import Storyteller, recorded


def tampered(log: list[Recorded], place: int = 2) -> list[Recorded]:
    """The log with another text in one progress signal."""
    seq, signal = log[place]
    data = {**signal.data, "token_delta": "<b>Never</b>"}
    return [*log[:place], Recorded(seq, changed(signal, data=data, body=to_body(data))), *log[place + 1 :]]


def test_a_log_replays_to_what_was_lived(eventful_log: list[Recorded], sqlite_path: Path) -> None:
    for source in (eventful_log, sqlite_path):
        verdict = replay(source)
        assert verdict.identical
        verdict.assert_identical()
        assert len(verdict.divergence_df()) == 0
        assert (verdict.signals, verdict.applied, verdict.unapplied, verdict.conversations) == (37, 30, 4, 2)
        assert verdict.last_seq == 37
        assert set(verdict.states) == {"c1", "c2"}


def test_one_conversation_replays_alone() -> None:
    teller = Storyteller()
    log = recorded([*teller.turn("a"), *teller.turn("b", retries=1), *teller.turn("a", ending="canceled")])
    verdict = replay(log, subject="a")
    assert verdict.identical
    assert list(verdict.states) == ["a"]
    assert verdict.states["a"] == replay(log).states["a"]


def test_a_changed_payload_is_found_and_named(eventful_log: list[Recorded]) -> None:
    verdict = replay(tampered(eventful_log))
    assert not verdict.identical
    with pytest.raises(ReplayDiverged, match="seq 3 in conversation 'c1'") as caught:
        verdict.assert_identical()
    assert isinstance(caught.value, JidoError)
    assert caught.value.divergence.signal_id == "llm-generation-m1/1"
    frame = verdict.divergence_df()
    assert list(frame.columns) == [column.name for column in DIVERGENCE_COLUMNS]
    assert list(frame["seq"]) == [3]
    assert list(frame.dtypes) == list(replay(eventful_log).divergence_df().dtypes)


def test_an_empty_log_is_identical() -> None:
    verdict = replay([])
    assert (verdict.identical, verdict.signals, verdict.conversations) == (True, 0, 0)


def test_the_verdict_reads_at_a_glance(eventful_log: list[Recorded]) -> None:
    assert repr(replay(eventful_log)) == "\n".join(
        [
            "Replay: identical to the log",
            "  signals          37",
            "  applied again    30",
            "  not applied yet  4",
            "  conversations    2",
        ]
    )
    assert "NOT identical" in repr(replay(tampered(eventful_log)))


def bundle(verdict: Replay) -> dict[str, Any]:
    return verdict._repr_mimebundle_()


def test_what_a_log_holds_is_escaped(new_story: Any) -> None:
    story = new_story("<script>alert(1)</script>")
    effect = story.message(0)
    effect.start(1)
    effect.text(5, "x", (4.0, 1))
    effect.complete(9, "x", duration_ms=8.0)
    story.mark(9)
    shown = bundle(replay(tampered(story.log)))
    assert set(shown) == {"text/plain", "text/html"}
    assert "<script" not in shown["text/html"]
    assert "&lt;script" in shown["text/html"]
    assert shown["text/plain"] == repr(replay(tampered(story.log)))
