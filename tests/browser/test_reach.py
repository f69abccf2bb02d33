"""For every eye, hand and ear: keyboard, screen reader, dark themes, narrow windows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from .conftest import Opener
from .notebook_page import LIMIT_MS, NotebookPage

pytestmark = pytest.mark.needs("chromium")

AXE = (Path(axe_playwright_python.__path__[0]) / "axe.min.js").read_text(encoding="utf-8")
CHECK = """async (selector) => {
  const { violations } = await axe.run({ include: [[selector]] }, { resultTypes: ['violations'] });
  return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}"""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

STATES = {
    "thinking": ["told.think('A prime has two divisors.')"],
    "retrying": ["told.say('Half of')", "told.retry(wait_ms=600_000)"],
    "streaming": ["told.say('## A list\\n\\n1. [one](https://example.org)\\n\\n`code`\\n\\n| a |\\n|---|\\n| b |\\n')"],
}


@pytest.fixture(scope="module")
def still(open_page: Opener) -> Iterator[NotebookPage]:
    """A notebook of somebody who asked for less motion; the tests of this module share it."""
    page = open_page(reduced_motion="reduce")
    yield page
    show_theme(page, "light")  # the server keeps it, for all


def show_theme(page: NotebookPage, theme: str) -> None:
    page.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", THEMES[theme])
    expect(page.page.locator("body")).to_have_attribute("data-jp-theme-light", str(theme == "light").lower())


def violations(page: NotebookPage, index: int, inside: str) -> Any:
    page.page.evaluate(AXE)
    return page.page.evaluate(CHECK, f'[data-cell="{index}"] {inside}')


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_any_state(still: NotebookPage, theme: str) -> None:
    page = still
    show_theme(page, theme)
    for status, lines in STATES.items():
        index = page.tell(*lines)
        page.wait_status(index, status)
        assert violations(page, index, ".jd-turn") == []
    expect(page.turn(index).locator("li")).to_have_count(1)
    page.button(index).click()
    page.wait_at_rest(index)
    assert violations(page, index, '[data-mime-type="text/html"]') == []


def test_the_keyboard_reaches_and_works_everything(still: NotebookPage) -> None:
    page = still
    index = page.tell("told.think('A prime has two divisors.')")
    page.look_at(index)
    turn = page.turn(index)
    turn.locator("summary").press("Enter")
    expect(turn.locator(".jd-thought")).to_have_text("A prime has two divisors.")
    turn.locator("summary").press("Tab")
    expect(turn.locator(".jd-thought")).to_be_focused()
    page.do("told.complete('4')")
    page.wait_at_rest(index)

    index = page.run("%%jido --new --bg -m simulated:slow\ngo")
    page.wait_status(index, "streaming")
    button = page.button(index, "Cancel: answer of jido_ai · simulated:slow")
    button.focus()
    page.page.keyboard.press("Space")
    page.wait_at_rest(index)
    # Whoever had the focus on the button is still in the notebook, and its keys work.
    inside = "() => document.querySelector('.jp-Notebook').contains(document.activeElement)"
    page.page.wait_for_function(inside)
    assert page.page.evaluate("() => document.activeElement !== document.body")


def test_states_are_announced_and_streams_are_not_read_piece_by_piece(still: NotebookPage) -> None:
    page = still
    index = page.run("%%jido --new --bg -m simulated:slow\ngo")
    page.wait_status(index, "streaming")
    turn = page.turn(index)
    expect(turn).to_have_attribute("aria-label", "Answer of jido_ai · simulated:slow")
    expect(turn.get_by_role("status").first).to_have_text("streaming")
    expect(turn.locator(".jd-answer")).to_have_attribute("aria-live", "polite")
    expect(turn.locator(".jd-answer")).to_have_attribute("aria-busy", "true")
    # The time ticks ten times a second: that must stay silent.
    assert turn.locator(".jd-time").evaluate("(el) => el.closest('[aria-live], [role=status]')") is None
    page.button(index).click()
    page.wait_at_rest(index)


def test_dark_and_narrow(still: NotebookPage) -> None:
    page = still
    show_theme(page, "dark")
    page.page.evaluate("() => jupyterapp.shell.collapseLeft()")
    page.page.set_viewport_size({"width": 420, "height": 800})
    index = page.run("%%jido --new -m simulated:slow\nTell me a story.")
    page.wait_status(index, "streaming")
    expect(page.turn(index).locator(".jd-answer")).to_contain_text("On the last rock", timeout=LIMIT_MS)
    page.picture("dark-narrow", page.cell(index))
    overflow = "el => el.scrollWidth > el.clientWidth + 1"
    assert not page.turn(index).evaluate(overflow)
    page.button(index).press("Enter")
    page.wait_at_rest(index)
