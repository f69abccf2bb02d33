"""Whatever a model writes, nothing of it runs in the page and nothing is fetched: neither live nor at rest."""

import pytest
from playwright.sync_api import expect

from .conftest import Opener
from .notebook_page import LIMIT_MS

pytestmark = pytest.mark.needs("chromium")

INSPECT = """(root) => {
  const allowed = new Set(('a b blockquote br code del details div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s section '
    + 'span strong summary sub sup table tbody td th thead tr ul img').split(' '));
  const found = [];
  for (const node of root.querySelectorAll('*')) {
    const tag = node.tagName.toLowerCase();
    if (!allowed.has(tag)) found.push(tag);
    for (const { name, value } of node.attributes) {
      if (name.startsWith('on') || ['id', 'srcdoc', 'name'].includes(name)) found.push(`${tag} ${name}`);
      if (name === 'style' && /url|expression|position|display/i.test(value)) found.push(`style ${value}`);
      if (name === 'class' && value !== 'jd-block') found.push(`class ${value}`);
      if (name === 'href' && !/^(https?:|mailto:)/.test(value)) found.push(`href ${value}`);
      if (name === 'src' && !value.startsWith('data:image/')) found.push(`src ${value}`);
    }
  }
  return found;
}"""
"""What is in `root` that has no business there. The names that are allowed are few, and the rest is found."""

CORPUS = """from tests.notebook.test_display import HOSTILE
text = '\\n\\n'.join(HOSTILE) + '\\n\\nThe end.'
for at in range(0, len(text), 3):
    told.say(text[at:at + 3])
told.think('<script>steal()</script><img src=x onerror=steal()>')
"""


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_the_corpus_stays_words(open_page: Opener, front_end: str) -> None:
    page = open_page(front_end)
    dialogs: list[str] = []
    page.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.page.evaluate("() => { window.steal = () => { window.stolen = true; }; }")
    index = page.tell(CORPUS)
    page.look_at(index)
    answer = page.turn(index).locator(".jd-answer")
    expect(answer).to_contain_text("The end.", timeout=LIMIT_MS)
    for words in ("<script>steal()</script>", "<img src=x onerror=steal()>", "[image: beacon]"):
        expect(answer).to_contain_text(words)
    page.turn(index).locator("summary").first.click()
    expect(page.turn(index).locator(".jd-thought")).to_contain_text("<script>steal()</script>", timeout=LIMIT_MS)
    assert answer.evaluate(INSPECT) == []

    page.do("told.complete()")
    written = page.wait_at_rest(index)["text/html"]
    expect(page.output(index)).to_contain_text("The end.")
    # As it is in the file: front ends add names of their own when they show it.
    assert (
        page.page.evaluate(f"(html) => ({INSPECT})(new DOMParser().parseFromString(html, 'text/html').body)", written)
        == []
    )

    index = page.run("%%jido -o turn -m simulated:hostile\ngo")
    page.wait_at_rest(index)
    page.wait_idle(index)
    assert dialogs == []
    assert page.page.evaluate("() => window.stolen") is None
    assert "pwned" not in page.page.title()
    assert page.page.evaluate("() => getComputedStyle(document.body).display") != "none"
    assert page.requests_elsewhere == []
