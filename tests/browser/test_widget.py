"""In a real JupyterLab an answer streams in, Cancel ends it, and what stays is the text, exactly."""

import ast
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .lab_page import LIMIT_MS, LabPage

pytestmark = pytest.mark.needs("chromium")


def test_an_answer_streams_in_and_stays_as_static_text(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido -o turn -m simulated:slow\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    answer = lab_page.turn(index).locator(".jd-answer")
    expect(answer).to_contain_text("The lighthouse that counted", timeout=LIMIT_MS)
    first = answer.inner_text()
    lab_page.page.wait_for_function("([el, n]) => el.innerText.length > n", arg=[answer.element_handle(), len(first)])
    expect(lab_page.turn(index).locator(".jd-who")).to_have_text("jido_ai · simulated:slow")
    expect(answer.locator("h2")).to_have_text("The lighthouse that counted")
    lab_page.picture("streaming")
    lab_page.turn(index).get_by_role("button", name="Cancel").click()
    data = lab_page.wait_at_rest(index)
    lab_page.wait_idle(index)
    lab_page.picture("canceled")

    text = ast.literal_eval(lab_page.value("turn.text"))
    assert lab_page.value("turn.status") == "'canceled'"
    assert lab_page.value("turn.view.cancel['requested_by']") == "'widget'"
    assert len(text) >= len("## The lighthouse that counted")
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == f"{text}\n[canceled: user_cancel]"
    expect(lab_page.cell(index).locator(".jp-OutputArea-output h2")).to_have_text("The lighthouse that counted")


def test_a_completed_answer_holds_every_character(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido -o turn -m simulated:story\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    data = lab_page.wait_at_rest(index)
    text = ast.literal_eval(lab_page.value("turn.text"))
    assert data["text/plain"] == text
    assert "`" in text
    page_text = lab_page.cell(index).locator(".jp-OutputArea-output").inner_text()
    for line in ("The lighthouse that counted", "no spark", "a spark, and wind", "said the last line."):
        assert line in page_text
    assert not lab_page.turn(index).count()


def test_the_live_text_is_the_whole_text_while_a_thousand_pieces_arrive(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    lab_page.run(
        "import os\n"
        "turns = [jido.conversation(f'c{n}').send('go', model='simulated:story') for n in range(5)]\n"
        "for turn in turns: display(turn)"
    )
    index = 1
    expect(lab_page.turn(index)).to_have_count(5, timeout=LIMIT_MS)
    lab_page.value("[turn.wait(60).status for turn in turns]")
    lab_page.page.wait_for_function("() => document.querySelectorAll('.jd-turn').length === 0", timeout=LIMIT_MS)
    texts = [output["data"]["text/plain"] for output in lab_page.outputs(index)]
    assert texts == ast.literal_eval(lab_page.value("[turn.text for turn in turns]"))


def test_retries_and_thinking_are_shown(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido -m simulated:flaky-429\ngo")
    lab_page.wait_status(index, "retrying")
    expect(lab_page.turn(index).locator(".jd-countdown")).to_contain_text("next attempt in")
    lab_page.picture("retrying")
    lab_page.wait_at_rest(index)
    index = lab_page.run("%%jido -m simulated:thinking\ngo")
    expect(lab_page.turn(index).locator("details.jd-think")).to_be_visible(timeout=LIMIT_MS)
    lab_page.picture("thinking")
    lab_page.wait_at_rest(index)
    lab_page.picture("rest")
    expect(lab_page.cell(index).locator("details")).to_have_count(1)


def test_hostile_answers_run_nothing_and_fetch_nothing(lab_page: LabPage) -> None:
    dialogs: list[str] = []
    lab_page.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido -o turn -m simulated:hostile\ngo")
    lab_page.wait_at_rest(index)
    lab_page.wait_idle(index)
    assert dialogs == []
    assert not [url for url in lab_page.requests if not url.startswith((lab_page.url, "blob:", "data:"))]


def test_a_reload_while_streaming_goes_on_where_it_was(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido --bg -o turn -m simulated:slow\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    lab_page.wait_idle(index)
    lab_page.reload()
    lab_page.wait_status(index, "streaming")
    expect(lab_page.turn(index).locator(".jd-answer h2")).to_have_text("The lighthouse that counted")
    lab_page.turn(index).get_by_role("button", name="Cancel").click()
    lab_page.wait_status(index, "canceled")
    # The page has forgotten which output this was, so the live view stays, and holds the text.
    text = ast.literal_eval(lab_page.value("turn.text"))
    shown = lab_page.turn(index).locator(".jd-answer").inner_text()
    assert shown.split() == text.replace("## ", "").replace("**", "").split()


def test_a_kernel_that_is_gone_leaves_the_text_and_says_so(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido --bg -m simulated:slow\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    before = lab_page.turn(index).locator(".jd-answer").inner_text()
    lab_page.page.evaluate("async () => { await panel.sessionContext.restartKernel(); }")
    lab_page.wait_status(index, "disconnected")
    expect(lab_page.turn(index).locator(".jd-note").first).to_contain_text("The kernel is gone")
    assert lab_page.turn(index).locator(".jd-answer").inner_text().startswith(before)
    expect(lab_page.turn(index).get_by_role("button", name="Cancel")).to_be_hidden()


def test_where_a_cancel_cannot_arrive_the_button_offers_the_interrupt(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    lab_page.wait_at_rest(lab_page.run("%%jido -m simulated:thinking\nhello"))
    # As on kernels whose comms wait for the cell to end: without our guard, 7.4 routes them to the main shell.
    lab_page.run(
        "from jido_nb.notebook.presentation import open_hub\n"
        "comm = open_hub()._widget.comm\n"
        "del comm._reply_subshell_for\n"
        "comm._reply_subshell_id = None"
    )
    index = lab_page.run("%%jido -o turn -m simulated:slow\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    lab_page.turn(index).get_by_role("button", name="Cancel").click()
    lab_page.wait_status(index, "canceling")
    lab_page.turn(index).get_by_role("button", name="Interrupt kernel").click()
    expect(lab_page.cell(index)).to_contain_text("canceled: interrupt", timeout=LIMIT_MS)
    expect(lab_page.cell(index)).to_contain_text("KeyboardInterrupt: the answer was canceled")


def test_dark_and_narrow(lab_page: LabPage) -> None:
    lab_page.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    expect(lab_page.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    lab_page.page.evaluate("() => jupyterapp.shell.collapseLeft()")
    lab_page.page.set_viewport_size({"width": 420, "height": 800})
    lab_page.run("%load_ext jido_nb")
    index = lab_page.run("%%jido -m simulated:slow\nTell me a story.")
    lab_page.wait_status(index, "streaming")
    expect(lab_page.turn(index).locator(".jd-answer")).to_contain_text("On the last rock", timeout=LIMIT_MS)
    lab_page.picture("dark")
    overflow = "el => el.scrollWidth > el.clientWidth + 1"
    assert not lab_page.turn(index).evaluate(overflow)
    lab_page.turn(index).get_by_role("button", name="Cancel").press("Enter")
    lab_page.wait_at_rest(index)
    lab_page.picture("dark-rest")


INSPECT = """(root) => {
  const allowed = new Set(('a b blockquote br code del details div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s section '
    + 'span strong summary sub sup table tbody td th thead tr ul button img').split(' '));
  const found = [];
  const answer = root.querySelector('.jd-answer');
  for (const node of answer.querySelectorAll('*')) {
    const tag = node.tagName.toLowerCase();
    if (!allowed.has(tag) || tag === 'button') found.push(tag);
    for (const { name, value } of node.attributes) {
      if (name.startsWith('on') || ['style', 'id', 'srcdoc', 'name'].includes(name)) found.push(`${tag} ${name}`);
      if (name === 'class' && value !== 'jd-block') found.push(`class ${value}`);
      if (name === 'href' && !/^(https?:|mailto:)/.test(value)) found.push(`href ${value}`);
      if (name === 'src' && !value.startsWith('data:image/')) found.push(`src ${value}`);
    }
  }
  return found;
}"""


def test_hostile_text_stays_harmless_while_it_is_live(lab_page: LabPage) -> None:
    lab_page.run("%load_ext jido_nb")
    root = Path(__file__).parents[2]
    index = lab_page.run(
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from tests.notebook.turns import ToldTurn\n"
        "from tests.notebook.test_display import HOSTILE\n"
        "from jido_nb.notebook.presentation import show\n"
        "told = ToldTurn()\n"
        "told.start()\n"
        "show(told)\n"
        "text = '\\n\\n'.join(HOSTILE) + '\\n\\nThe end.'\n"
        "for at in range(0, len(text), 3):\n"
        "    told.say(text[at:at + 3])\n"
    )
    answer = lab_page.turn(index).locator(".jd-answer")
    expect(answer).to_contain_text("The end.", timeout=LIMIT_MS)
    for words in ("<script>steal()</script>", "<img src=x onerror=steal()>", "[image: beacon]"):
        expect(answer).to_contain_text(words)
    lab_page.picture("hostile")
    assert lab_page.turn(index).evaluate(INSPECT) == []
    assert lab_page.page.evaluate("() => getComputedStyle(document.body).display") != "none"
    assert not [url for url in lab_page.requests if not url.startswith((lab_page.url, "blob:", "data:"))]
    lab_page.run("told.complete()")
    lab_page.wait_at_rest(index)
    lab_page.picture("hostile-rest")
    assert not [url for url in lab_page.requests if not url.startswith((lab_page.url, "blob:", "data:"))]
