"""In a live front end an answer streams through the hub, can be canceled at any time, and comes to rest."""

import pytest

from .comm_front_end import WIDGET, Cell, CommFrontEnd


def shown_text(front_end: CommFrontEnd, sid: str) -> str:
    return str(front_end.browser.streams.get(sid, {}).get("t", ""))


def next_view(front_end: CommFrontEnd, code: str) -> tuple[Cell, str]:
    """Start a cell, and wait until the first text of its turn is in the page."""
    count = len(front_end.views)
    cell = front_end.start(code)
    front_end.until(lambda: len(front_end.views) > count and shown_text(front_end, front_end.views[-1]))
    return cell, front_end.views[-1]


def test_an_answer_streams_and_then_rests(live_kernel: CommFrontEnd) -> None:
    cell, sid = next_view(live_kernel, "%%jido -m simulated:story\nTell me.")
    live_kernel.until(lambda: len(shown_text(live_kernel, sid)) > 20)
    before = shown_text(live_kernel, sid)
    assert cell.reply is None
    assert WIDGET in cell.outputs[0]["data"]
    live_kernel.finish(cell)

    assert cell.reply is not None
    assert cell.reply["status"] == "ok"
    assert [output["kind"] for output in cell.outputs] == ["display_data"]
    data = cell.outputs[0]["data"]
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"].startswith(before)
    assert len(data["text/plain"]) > len(before)
    assert (cell.stdout, cell.stderr) == ("", "")
    live_kernel.until(lambda: live_kernel.closed)


def test_the_browser_is_told_every_character(live_kernel: CommFrontEnd) -> None:
    live_kernel.hub_messages.clear()
    cell = live_kernel.run("%%jido -m simulated:burst-2000\ngo")
    pieces = [piece for message in live_kernel.hub_messages for piece in message.get("d", []) if piece[1] == "t"]
    assert "".join(piece[3] for piece in pieces) == "word " * 2000
    # The static output is the same text.
    assert cell.texts == ["word " * 2000]
    assert not live_kernel.browser.gaps


def test_cancel_arrives_while_the_cell_waits(live_kernel: CommFrontEnd) -> None:
    cell, sid = next_view(live_kernel, "%%jido -m simulated:slow\nslowly")
    live_kernel.send(live_kernel.comm_of("hub_id"), {"t": "cancel", "sid": sid})
    live_kernel.finish(cell)
    assert cell.reply is not None
    assert cell.reply["status"] == "ok"
    assert cell.texts[0].endswith("[canceled: user_cancel]")
    canceled = live_kernel.run("[r.signal.data['requested_by'] for r in jido.events('conv.effect.**.canceled')][-1]")
    assert canceled.texts == ["'widget'"]


def test_an_interrupt_cancels_and_fails_the_cell_in_one_line(live_kernel: CommFrontEnd) -> None:
    cell, _sid = next_view(live_kernel, "%%jido -m simulated:slow\nslowly")
    live_kernel.manager.interrupt_kernel()
    live_kernel.finish(cell)
    assert cell.texts[0].endswith("[canceled: interrupt]")
    assert cell.error is not None
    assert cell.error["traceback"] == ["KeyboardInterrupt: the answer was canceled; what had arrived is kept"]


def test_in_the_background_a_cell_returns_at_once(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("%%jido --bg -o later -m simulated:slow\nslowly")
    assert cell.reply is not None
    assert cell.reply["status"] == "ok"
    assert WIDGET in cell.outputs[0]["data"]
    assert len(cell.outputs) == 1
    live_kernel.run("%jido cancel")
    live_kernel.until(lambda: WIDGET not in cell.outputs[0]["data"])
    assert live_kernel.run("later.status").texts == ["'canceled'"]


def test_a_turn_displays_itself_live_and_later_at_rest(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("t = jido.conversation('own').send('hi', model='simulated:thinking'); t")
    assert [WIDGET in output["data"] for output in cell.outputs] == [True]
    assert live_kernel.run("t.wait(20).status").texts == ["'completed'"]
    live_kernel.until(lambda: WIDGET not in cell.outputs[0]["data"])
    again = live_kernel.run("t")
    assert again.texts == cell.texts
    assert WIDGET not in again.outputs[0]["data"]


def test_a_page_that_is_reloaded_gets_snapshots(live_kernel: CommFrontEnd) -> None:
    _cell, sid = next_view(live_kernel, "%%jido --bg -m simulated:slow\nslowly")
    live_kernel.browser.streams.clear()
    live_kernel.send(live_kernel.comm_of("hub_id"), {"t": "hello"})
    live_kernel.until(lambda: any(sid in message.get("s", {}) for message in live_kernel.hub_messages))
    live_kernel.run("%jido cancel")
    expected = live_kernel.run("jido.events('conv.effect.**.canceled')[-1].signal.data['partial_text']").texts[0]
    assert repr(shown_text(live_kernel, sid)) == expected


@pytest.mark.parametrize("model", ["thinking", "tools", "flaky-503", "flaky-reset", "international"])
def test_every_kind_of_answer_ends_exact(live_kernel: CommFrontEnd, model: str) -> None:
    streams: dict[str, str] = {}
    receive = live_kernel.browser.receive

    def remembering(message: dict) -> None:  # type: ignore[type-arg]
        receive(message)
        streams.update({sid: stream["t"] for sid, stream in live_kernel.browser.streams.items()})

    live_kernel.browser.receive = remembering  # type: ignore[method-assign]
    try:
        cell = live_kernel.run(f"%%jido -o turn --new -m simulated:{model}\ngo")
    finally:
        live_kernel.browser.receive = receive  # type: ignore[method-assign]
    assert cell.error is None
    told = streams[live_kernel.views[-1]]
    assert live_kernel.run("turn.text").texts == [repr(told)]
