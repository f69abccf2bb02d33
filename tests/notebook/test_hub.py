"""The hub speaks at once when it was quiet, then at most 30 times a second, and nobody waits for it."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jido_nb.notebook.hub import Hub

from .browser_model import BrowserModel
from .turns import ToldTurn

LIMIT_S = 10


class Wire:
    """Takes the hub's messages; a test waits on it for a state, not for a time."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.browser = BrowserModel()
        self.changed = threading.Condition()

    def send(self, message: dict[str, Any]) -> None:
        with self.changed:
            self.messages.append((time.monotonic(), message))
            self.browser.receive(message)
            self.changed.notify_all()

    def wait_for(self, predicate: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: predicate(self.browser), LIMIT_S)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def hub(wire: Wire) -> Iterator[Hub]:
    hub = Hub(send=wire.send)
    yield hub
    hub.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "jido-hub"]


def ignore(view: Any) -> None: ...


def test_twenty_streams_share_thirty_messages_a_second(hub: Hub, wire: Wire) -> None:
    turns = [ToldTurn() for _ in range(20)]
    sids = [hub.add(turn, ignore) for turn in turns]
    for turn in turns:
        turn.start()
    begun = time.monotonic()
    while time.monotonic() - begun < 0.5:
        for turn in turns:
            turn.say("word ")
    texts = {sid: turn.view.text for sid, turn in zip(sids, turns, strict=True)}
    wire.wait_for(lambda browser: all(browser.streams[sid]["t"] == text for sid, text in texts.items()))
    assert not wire.browser.gaps
    assert len(wire.messages) <= 30 * (time.monotonic() - begun) + 2


def test_an_ended_turn_comes_to_rest_after_its_last_message(hub: Hub, wire: Wire) -> None:
    turn = ToldTurn()
    seen: list[str] = []
    sid = hub.add(turn, lambda view: seen.append(wire.browser.streams[sid]["meta"]["status"]))
    turn.start()
    turn.say("done")
    turn.complete()
    assert hub.wait_at_rest(turn, LIMIT_S)
    assert seen == ["completed"]
    wire.wait_for(lambda browser: not browser.streams)
    assert (hub.live, turn.watchers) == (0, [])


def test_a_turn_that_ended_before_it_was_shown_comes_to_rest_too(hub: Hub) -> None:
    turn = ToldTurn()
    turn.start()
    turn.complete("already")
    ended: list[str] = []
    hub.add(turn, lambda view: ended.append(view.text))
    assert hub.wait_at_rest(turn, LIMIT_S)
    assert ended == ["already"]


def test_cancel_from_the_browser_reaches_the_turn_with_who_asked(hub: Hub, wire: Wire) -> None:
    turn = ToldTurn()
    sid = hub.add(turn, ignore)
    turn.start()
    hub.hear({"t": "cancel", "sid": sid})
    assert turn.cancels == [("user_cancel", "widget")]
    assert hub.wait_at_rest(turn, LIMIT_S)
    assert turn.view.status == "canceled"


@pytest.mark.parametrize(
    "content", [{}, {"t": "cancel"}, {"t": "cancel", "sid": "99"}, {"t": "resync", "sids": ["99"]}]
)
def test_messages_that_make_no_sense_are_ignored(hub: Hub, content: dict[str, Any]) -> None:
    hub.hear(content)


def test_a_gap_is_filled_by_a_snapshot(hub: Hub, wire: Wire) -> None:
    turn = ToldTurn()
    sid = hub.add(turn, ignore)
    turn.start()
    turn.say("some text")
    wire.wait_for(lambda browser: sid in browser.streams and browser.streams[sid]["t"] == "some text")
    with wire.changed:
        wire.browser.streams[sid]["t"] = ""
    hub.hear({"t": "resync", "sids": [sid]})
    wire.wait_for(lambda browser: browser.streams[sid]["t"] == "some text")


def test_a_page_that_was_reloaded_keeps_its_live_views(hub: Hub, wire: Wire) -> None:
    turn, ended = ToldTurn(), ToldTurn()
    hub.hear({"t": "hello"})
    hub.add(ended, ignore)
    ended.start()
    ended.complete("x")
    assert hub.wait_at_rest(ended, LIMIT_S)
    sid = hub.add(turn, ignore)
    turn.start()
    hub.hear({"t": "hello"})
    turn.complete("the end")
    assert hub.wait_at_rest(turn, LIMIT_S)
    wire.wait_for(lambda browser: browser.streams[sid]["t"] == "the end")
    snapshot = hub.snapshot(sid)
    assert snapshot is not None
    assert snapshot["meta"]["status"] == "completed"


def test_an_output_that_cannot_be_replaced_does_not_silence_the_others(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(view: Any) -> None:
        raise RuntimeError("front end is gone")

    bad, good = ToldTurn(), ToldTurn()
    ended: list[str] = []
    hub.add(bad, broken)
    hub.add(good, lambda view: ended.append(view.text))
    for turn in (bad, good):
        turn.start()
        turn.complete("x")
        assert hub.wait_at_rest(turn, LIMIT_S)
    assert ended == ["x"]
    assert "could not be replaced" in caplog.text


def test_closing_brings_live_turns_to_rest_as_they_are(wire: Wire) -> None:
    hub = Hub(send=wire.send)
    turn = ToldTurn()
    ended: list[str] = []
    hub.add(turn, lambda view: ended.append(view.text))
    turn.start()
    turn.say("half")
    hub.close()
    assert (ended, hub.closed, turn.watchers) == (["half"], True, [])
