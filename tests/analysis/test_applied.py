"""Applications: every signal that a marker covers, in the order of application, with the chain of states."""

from typing import Any

from jido_nb.analysis.frames.applied import applied_df
from jido_nb.analysis.frames.events import events_df
from jido_nb.core.replay import replay
from jido_nb.core.signal import Recorded


def test_each_covered_signal_is_a_row_in_order_of_application(eventful_log: list[Recorded]) -> None:
    frame = applied_df(eventful_log)
    covered = [id for r in eventful_log if r.signal.type.startswith("conv.applied.")
               for id in r.signal.data["applied_event_ids"]]  # fmt: skip
    assert list(frame["id"]) == covered
    for _, rows in frame.groupby("conversation_id"):
        assert list(rows["order"]) == list(range(1, len(rows) + 1))


def test_what_no_marker_covers_has_no_row(eventful_log: list[Recorded]) -> None:
    events, applied = events_df(eventful_log), applied_df(eventful_log)
    missing = events[~events["seq"].isin(applied["seq"]) & (events["type"] != "conv.applied.event.applied")]
    assert set(missing["effect_id"].dropna()) == {"llm-generation-m3"}
    assert len(missing) > 0


def test_the_chain_is_the_one_that_a_replay_comes_to(eventful_log: list[Recorded]) -> None:
    frame = applied_df(eventful_log)
    last = frame.dropna(subset=["state_hash"]).groupby("conversation_id").tail(1)
    live = dict(zip(last["conversation_id"], last["state_hash"], strict=True))
    marked = {r.seq for r in eventful_log if r.signal.type.startswith("conv.applied.")}
    states = replay([r for r in eventful_log if r.seq <= max(marked)]).states
    assert live == {subject: state.chain.hex() for subject, state in states.items()}
    assert set(frame["digest"].str.len()) == {8}
    ends = frame.dropna(subset=["state_hash"])
    assert list(ends["state_hash"].str.slice(stop=8)) == list(ends["digest"])


def test_a_marker_of_the_wrong_shape_costs_nothing(story: Any) -> None:
    story.message(0)
    story.write(1, "conv.applied.event.applied", "odd", {"applied_event_id": "m1", "digests": 7, "applied_count": "x"})
    frame = applied_df(story.log)
    assert list(frame["id"]) == ["m1"]
    assert frame[["order", "digest", "state_hash"]].isna().all(axis=None)
