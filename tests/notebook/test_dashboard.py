"""The dashboard of a Lab: kept up to date while somebody looks, a single picture where nobody does."""

import threading

import pytest

import jido_nb

from .comm_front_end import CommFrontEnd


def test_it_goes_with_the_lab_in_one_output(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("import jido_nb; lab = jido_nb.Lab(); board = lab.watch(); board")
    assert "nothing happened yet" in cell.texts[0]
    live_kernel.run("lab.conversation('c', model='simulated:flaky-503').ask('Hello?')")
    live_kernel.until(lambda: "completed 1" in cell.texts[0] and "0 running" in cell.texts[0])
    assert "retries         2 (provider 2)" in cell.texts[0]
    assert len(cell.outputs) == 1
    assert set(cell.outputs[0]["data"]) == {"text/plain", "text/html"}
    live_kernel.run("lab.close()")


def test_it_draws_nothing_while_nothing_happens_and_not_each_signal_on_its_own(live_kernel: CommFrontEnd) -> None:
    cell = live_kernel.run("lab = jido_nb.Lab(); board = lab.watch(); board")
    live_kernel.run("lab.conversation('c', model='simulated:burst-2000').ask('Hello?')")
    live_kernel.until(lambda: "completed 1" in cell.texts[0] and "0 running" in cell.texts[0])
    pictures = int(live_kernel.run("board.pictures").texts[0])
    live_kernel.run("import time; time.sleep(1.2)")
    assert int(live_kernel.run("board.pictures").texts[0]) == pictures
    live_kernel.run("lab.close()")


def test_a_closed_one_keeps_what_it_shows(live_kernel: CommFrontEnd) -> None:
    first = live_kernel.run("lab = jido_nb.Lab(); board = lab.watch(); board")
    second = live_kernel.run("other = lab.watch(); other")
    assert live_kernel.run("board.closed, other.closed").texts == ["(True, False)"]
    live_kernel.run("lab.conversation('c', model='simulated:echo').ask('Hello?')")
    live_kernel.until(lambda: "completed 1" in second.texts[0])
    assert "nothing happened yet" in first.texts[0]
    assert live_kernel.run("lab.close(); lab.closed").texts == ["True"]
    assert live_kernel.run("other").stdout == "<numbers of a Lab that is closed>\n"


def test_where_nobody_watches_it_is_shown_once(headless_kernel: CommFrontEnd) -> None:
    headless_kernel.run("import jido_nb; lab = jido_nb.Lab(); lab.conversation('c', model='simulated:echo').ask('Hi')")
    cell = headless_kernel.run("board = lab.watch(); board")
    assert "completed 1" in cell.texts[0]
    assert headless_kernel.run("board.pictures").texts == ["1"]
    headless_kernel.run("lab.close()")


def test_in_a_script_it_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    threads = set(threading.enumerate())
    with jido_nb.Lab() as lab:
        lab.conversation("c", model="simulated:echo").ask("Hello?")
        board = lab.watch()
        assert repr(board).startswith("memory: 0 running, 0 queued\nTelemetry\n  generations")
        board._ipython_display_()
        assert "completed 1" in capsys.readouterr().out
        board.close()
        board.close()
    assert set(threading.enumerate()) <= threads


def test_what_a_log_holds_is_escaped() -> None:
    from jido_nb.core.projections.metrics import Metrics
    from jido_nb.notebook.dashboard import _html
    from jido_nb.runtime.health import Health
    from jido_nb.testing.builders import Storyteller

    metrics = Metrics()
    for signal in Storyteller(backend="<script>").turn():
        metrics.apply(signal)
    assert "<script" not in _html(metrics.snapshot(), Health("degraded", ("<script>",), journal="<script>"))
