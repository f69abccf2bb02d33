"""An answer streams into the page, exactly, also with twenty others, and what stays is static."""

import ast
import re

import pytest
from playwright.sync_api import expect

from jido_nb.errors import printable

from .conftest import Opener
from .kernels import NEWEST
from .notebook_page import LIMIT_MS, NotebookPage

pytestmark = pytest.mark.needs("chromium")

WATCH_LEAVING = """() => {
  window.left = new Map();
  new MutationObserver((changes) => {
    for (const { removedNodes } of changes) for (const node of removedNodes) {
      const turns = node.classList?.contains('jd-turn') ? [node] : [...(node.querySelectorAll?.('.jd-turn') ?? [])];
      for (const turn of turns) window.left.set(turn, turn.querySelector('.jd-answer').textContent);
    }
  }).observe(document.body, { childList: true, subtree: true });
}"""
"""Keeps what live views showed at the moment when they left the page."""


def words(text: str) -> list[str]:
    return re.sub(r"[#*`]|^\d+\. ", "", text, flags=re.MULTILINE).split()


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_an_answer_grows_and_then_rests(shared: Opener, front_end: str) -> None:
    page = shared(front_end)
    page.page.evaluate(WATCH_LEAVING)
    index = page.run("%%jido -o turn -m simulated:slow\nTell me a story.")
    page.wait_status(index, "streaming")
    expect(page.turn(index).locator(".jd-who")).to_have_text("jido_ai · simulated:slow")
    answer = page.turn(index).locator(".jd-answer")
    expect(answer.locator("h2")).to_have_text("The lighthouse that counted", timeout=LIMIT_MS)
    expect(answer).to_contain_text("On the last rock before the open sea", timeout=LIMIT_MS)
    if front_end == "lab":
        page.picture("widget", page.cell(index))
    page.button(index).click()
    data = page.wait_at_rest(index)
    page.wait_idle(index)
    text = ast.literal_eval(page.value("turn.text"))
    assert len(page.outputs(index)) == 1
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == f"{text}\n[canceled: user_cancel]"
    shown = "".join(words(page.page.evaluate("() => [...left.values()][0]")))
    assert "".join(words(text)).startswith(shown)
    assert "Onthelastrock" in shown

    index = page.run("%%jido --new -o turn -m simulated:story\nTell me a story.")
    data = page.wait_at_rest(index)
    assert data["text/plain"] == ast.literal_eval(page.value("turn.text"))
    rest = page.output(index).inner_text()
    for line in ("The lighthouse that counted", "no spark", "a spark, and wind", "said the last line."):
        assert line in rest
    if front_end == "lab":
        page.picture("rest", page.cell(index))


@pytest.mark.parametrize("kernel", [NEWEST, "6.31"])
def test_twenty_streams_at_once_are_exact_and_share_their_messages(shared: Opener, kernel: str) -> None:
    page = shared("lab") if kernel == NEWEST else shared("lab", kernel)
    page.page.evaluate(WATCH_LEAVING)
    page.do("turns = []")
    page.traffic.forget()
    index = page.run(
        "models = ['story', 'thinking', 'international', 'flaky-reset', 'burst-2000'] * 4\n"
        "for number, model in enumerate(models):\n"
        "    turns.append(jido.conversation(f'twenty-{number}').send('go', model=f'simulated:{model}'))\n"
        "    display(turns[-1])\n"
        "for turn in turns: turn.wait(60)"
    )
    page.wait_at_rest(index)
    page.wait_idle(index)
    texts = ast.literal_eval(page.value("[turn.text for turn in turns]"))
    plain = [output["data"]["text/plain"] for output in page.outputs(index)]
    # A text output is for terminals, too, so control characters are pictures there.
    assert [text.endswith(printable(told)) for text, told in zip(plain, texts, strict=True)] == [True] * 20
    # What came over the wire, put together as the page does it, is each text to the character.
    streams = sorted(page.traffic.texts, key=int)[-20:]
    assert [page.traffic.texts[sid] for sid in streams] == texts
    assert not page.traffic.browser.gaps
    # The page showed the same, as far as it got before static output took the place of the view.
    left = ["".join(words(text)) for text in page.page.evaluate("() => [...left.values()]")]
    whole = ["".join(words(text)) for text in texts]
    assert [shown for shown in left if not any(text.startswith(shown) for text in whole)] == []
    assert any(left)

    hub = page.traffic.hub
    seconds = page.traffic.seconds
    characters = sum(map(len, texts))
    assert len(hub) <= 60 * seconds + 10
    assert sum(message.size for message in hub) <= 3 * characters + 1000 * seconds + 20 * 2000


def test_what_nobody_sees_is_not_drawn_until_somebody_looks(study: NotebookPage) -> None:
    page = study
    index = page.run("%%jido --bg -m simulated:slow\ngo")
    page.wait_status(index, "streaming")
    page.do("from IPython.display import HTML\nHTML('<div style=\"height: 4000px\">below</div>')")
    last = page.run("'the end'")
    page.cell(last).scroll_into_view_if_needed()
    answer = page.turn(index).locator(".jd-answer")
    expect(page.turn(index)).not_to_be_in_viewport()
    page.page.wait_for_function("() => document.querySelector('.jd-turn').getBoundingClientRect().bottom < -300")
    drawn = answer.evaluate("(el) => el.textContent")
    told = len(page.traffic.hub)
    while len(page.traffic.hub) < told + 4:
        page.page.evaluate("() => new Promise(requestAnimationFrame)")
    assert answer.evaluate("(el) => el.textContent") == drawn
    page.turn(index).scroll_into_view_if_needed()
    page.page.wait_for_function("([el, n]) => el.textContent.length > n", arg=[answer.element_handle(), len(drawn)])
    page.button(index).click()
    page.wait_at_rest(index)


def test_only_what_changed_is_drawn_again(study: NotebookPage) -> None:
    index = study.tell("told.say('## One\\n\\nTwo [named]')")
    study.look_at(index)
    blocks = study.turn(index).locator(".jd-answer .jd-block")
    expect(blocks).to_have_count(2)
    study.page.evaluate("() => (window.kept = [...document.querySelectorAll('.jd-block')].map((el) => el.firstChild))")
    kept = "() => [...document.querySelectorAll('.jd-block')].map((el, index) => el.firstChild === kept[index])"
    study.do("told.say(' and more\\n\\nThree')")
    expect(blocks).to_have_count(3)
    assert study.page.evaluate(kept) == [True, False, False]
    # A name that gets its address with the last line is a link from then on.
    study.do("told.say('\\n\\n[named]: https://example.org\\n')")
    expect(blocks.nth(1).get_by_role("link")).to_have_attribute("href", "https://example.org")
    study.do("told.complete()")
    assert "https://example.org" in study.wait_at_rest(index)["text/html"]


def test_retries_thinking_and_tools_are_shown(study: NotebookPage) -> None:
    patient = "effect_policy={'backoff_ms': 20_000}"
    index = study.run(f"jido.conversation().send('Is it windy?', model='simulated:flaky-503', {patient})")
    study.wait_status(index, "retrying")
    turn = study.turn(index)
    expect(turn.locator(".jd-countdown")).to_contain_text("next attempt in")
    expect(turn.locator(".jd-attempt")).to_have_text("attempt 1 of 3")
    study.picture("retrying", turn)
    study.button(index).click()
    assert study.wait_at_rest(index)["text/plain"].startswith("[attempt 1: ")

    index = study.tell(
        "told.think('A prime has exactly two divisors, one and itself. Two is prime, the only even one.')"
    )
    study.look_at(index)
    thinking = study.turn(index).locator("details.jd-think")
    assert thinking.get_attribute("open") is None
    thinking.locator("summary").click()
    expect(thinking.locator(".jd-thought")).to_contain_text("A prime has exactly")
    study.picture("thinking", study.turn(index))
    study.do("told.complete('There are four.')")
    study.wait_at_rest(index)
    expect(study.output(index).locator("details")).to_have_count(1)

    index = study.run("%%jido --new -m simulated:tools\nWhat is the weather in Lisbon?")
    assert "[tool get_weather: " in study.wait_at_rest(index)["text/plain"]
    study.picture("tools", study.cell(index))
    expect(study.output(index).locator("code").first).to_have_text("get_weather")


def test_every_fact_of_an_answer_is_in_its_head(study: NotebookPage) -> None:
    index = study.run("%%jido --new --bg -m simulated:slow\ngo")
    study.wait_status(index, "streaming")
    for name, pattern in {"time": r"^\d+(\.\d)? s$", "first": r"^first \d+"}.items():
        expect(study.turn(index).locator(f".jd-{name}")).to_have_text(re.compile(pattern), timeout=LIMIT_MS)
    study.button(index).click()
    html = study.wait_at_rest(index)["text/html"]
    for fact in ("canceled", "jido_ai · simulated:slow", "first ", " in, ", " out tokens"):
        assert fact in html
