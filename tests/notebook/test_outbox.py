"""Whatever happens to a turn, and whichever messages are lost, the browser ends with exactly its text."""

import json
import random
from typing import Any

import pytest

from jido_nb.notebook.outbox import Outbox, sendable, utf16_length

from .browser_model import BrowserModel, units
from .turns import T0, ToldTurn


def opened(*turns: ToldTurn) -> tuple[Outbox, dict[str, Any]]:
    outbox = Outbox()
    views = {}
    for number, turn in enumerate(turns, start=1):
        sid = str(number)
        views[sid] = turn.view
        outbox.open(sid)
        turn.watch(lambda view, events, sid=sid: outbox.touch(sid))  # type: ignore[misc]
    return outbox, views


def test_all_streams_travel_in_one_message() -> None:
    first, second = ToldTurn(), ToldTurn()
    outbox, views = opened(first, second)
    for turn in (first, second):
        turn.start()
        turn.say("Hel")
        turn.say("lo")
    message = outbox.take(views, T0)
    assert message is not None
    assert message["d"] == [["1", "t", 0, "Hello", 0], ["2", "t", 0, "Hello", 0]]
    assert set(message["m"]) == {"1", "2"}
    assert message["m"]["1"]["who"] == "jido_ai · simulated:story"
    assert outbox.take(views, T0) is None


def test_offsets_are_counted_as_a_browser_counts() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    turn.start()
    turn.say("a😀")
    outbox.take(views, T0)
    turn.say("b")
    message = outbox.take(views, T0)
    assert message is not None
    assert message["d"] == [["1", "t", 3, "b", 0]]


def test_a_meta_is_sent_only_when_more_than_time_has_passed() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    turn.start()
    turn.say("a")
    outbox.take(views, T0 + 5_000)
    turn.say("b")
    message = outbox.take(views, T0 + 9_000_000)
    assert message is not None
    assert set(message) == {"d"}


def test_a_discarded_attempt_starts_over() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    browser = BrowserModel()
    turn.start()
    turn.say("wrong")
    browser.receive(outbox.take(views, T0) or {})
    turn.retry()
    message = outbox.take(views, turn.now_us)
    assert message is not None
    assert message["m"]["1"]["wait_ms"] == 120
    browser.receive(message)
    assert browser.streams["1"]["t"] == ""
    turn.again()
    turn.say("right", attempt=2)
    message = outbox.take(views, turn.now_us)
    assert message is not None
    assert message["d"] == [["1", "t", 0, "right", 1]]
    assert "wait_ms" not in message["m"]["1"]
    browser.receive(message)
    assert browser.streams["1"]["t"] == "right"


def test_a_cancel_that_arrived_is_confirmed_until_the_end() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    turn.start()
    outbox.take(views, T0)
    outbox.canceling("1")
    assert (outbox.take(views, T0) or {})["m"]["1"]["canceling"] is True
    turn.cancel()
    meta = (outbox.take(views, T0) or {})["m"]["1"]
    assert (meta["status"], meta.get("canceling"), meta["note"]) == ("canceled", None, "canceled: user_cancel")


def test_lone_surrogates_are_replaced_without_moving_offsets() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    turn.start()
    turn.view.run.text.append("x\ud800y")
    turn.say("z")
    message = outbox.take(views, T0) or {}
    assert message["d"] == [["1", "t", 0, "x\ufffdyz", 0]]
    json.dumps(message).encode()


@pytest.mark.parametrize("text", ["", "abc", "é", "a😀b", "\ud83d"])
def test_length_in_the_browser(text: str) -> None:
    assert utf16_length(text) == units(sendable(text))


@pytest.mark.parametrize("seed", range(30))
def test_lost_messages_and_restarts_end_exact_after_a_resync(seed: int) -> None:
    chance = random.Random(seed)
    turns = [ToldTurn() for _ in range(3)]
    outbox, views = opened(*turns)
    browser = BrowserModel()
    attempts = dict.fromkeys(range(3), 1)
    for turn in turns:
        turn.start()
    for _ in range(120):
        index = chance.randrange(3)
        turn = turns[index]
        match chance.randrange(12):
            case 0:
                turn.retry(attempts[index])
                attempts[index] += 1
                turn.again(attempts[index])
            case 1:
                turn.think("hm ")
            case _:
                turn.say(chance.choice(["word ", "😀", "\n\n", "ü"]) * chance.randint(1, 9), attempts[index])
        if chance.random() < 0.5 and (message := outbox.take(views, T0)) is not None and chance.random() < 0.8:
            browser.receive(message)
        if browser.gaps and chance.random() < 0.3:
            outbox.ask(browser.gaps)
    for index, turn in enumerate(turns):
        turn.complete(attempt=attempts[index])
    outbox.ask()
    browser.receive(outbox.take(views, T0) or {})
    for sid, view in views.items():
        stream = browser.streams[sid]
        assert (stream["t"], stream["meta"]["status"]) == (view.text, "completed")


def test_a_late_snapshot_undoes_nothing() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    browser = BrowserModel()
    turn.start()
    turn.say("first")
    late = outbox.snapshot("1", turn.view, T0)
    turn.say(" then more")
    turn.complete()
    browser.receive(outbox.take(views, T0) or {})
    assert late is not None
    browser.snapshot("1", late)
    assert (browser.streams["1"]["t"], browser.streams["1"]["meta"]["status"]) == ("first then more", "completed")


def test_a_closed_stream_is_forgotten_on_both_sides() -> None:
    turn = ToldTurn()
    outbox, views = opened(turn)
    browser = BrowserModel()
    turn.start()
    browser.receive(outbox.take(views, T0) or {})
    outbox.close("1")
    browser.receive(outbox.take(views, T0) or {})
    assert (len(outbox), browser.streams) == (0, {})
