"""What stays in a saved notebook is text and safe HTML, whatever the model wrote."""

import re
from html.parser import HTMLParser

import pytest

from jido_nb.notebook.display import bundle, html, markdown, plain
from jido_nb.testing.hostile import MARKUP as HOSTILE

from .turns import ToldTurn

_TAGS = {
    "a", "blockquote", "br", "code", "div", "details", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"href", "target", "rel", "style", "start"}


class Inspector(HTMLParser):
    """Refuses everything that is not known to be harmless."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        for name, value in attrs:
            assert name in _ATTRIBUTES, name
            if name == "href":
                assert re.match(r"(https?://|mailto:)", value or ""), value
            if name == "style":
                assert "url(" not in (value or "")


@pytest.mark.parametrize("source", HOSTILE)
@pytest.mark.parametrize("place", ["text", "thinking", "tool", "reason", "model"])
def test_nothing_a_model_writes_becomes_code_or_a_request(source: str, place: str) -> None:
    turn = ToldTurn()
    turn.start(model=source if place == "model" else "story")
    if place == "thinking":
        turn.think(source)
    if place == "tool":
        turn.tell(
            "progress", status="tool", tool_name=source, tool_call_id=source, tool_status=source, tool_input=source
        )
    turn.say(source if place == "text" else "x")
    if place == "reason":
        turn.retry()
        turn.fail(source)
    else:
        turn.complete()
    inspector = Inspector()
    inspector.feed(html(turn.view))
    inspector.close()


def test_markdown_is_rendered() -> None:
    rendered = markdown("# Title\n\nSome *em* and [a link](https://example.org).\n\n- one\n\n| a |\n|---|\n| ~~b~~ |")
    for part in ("<h1>Title</h1>", "<em>em</em>", 'href="https://example.org"', "noopener", "<li>one</li>", "<s>b</s>"):
        assert part in rendered


def test_an_image_becomes_its_words() -> None:
    assert "[image: a cat &lt;3]" in markdown("![a cat <3](https://example.org/cat.png)")


def test_text_of_a_completed_turn_is_the_answer_alone() -> None:
    turn = ToldTurn()
    turn.start()
    turn.complete("The answer.")
    assert plain(turn.view) == "The answer."
    assert set(bundle(turn.view)) == {"text/plain", "text/html"}


def test_text_says_what_went_wrong_without_times_or_ids() -> None:
    turn = ToldTurn()
    turn.start()
    turn.say("par")
    turn.retry(wait_ms=123)
    turn.again()
    turn.say("partial", attempt=2)
    turn.fail()
    assert plain(turn.view) == (
        "[attempt 1: 503 overloaded (provider), its text was discarded]\npartial\n[failed] provider: 503 overloaded"
    )


def test_a_canceled_turn_keeps_its_partial_text() -> None:
    turn = ToldTurn()
    turn.start()
    turn.say("half of it")
    turn.cancel()
    assert plain(turn.view) == "half of it\n[canceled: user_cancel]"
    assert "half of it" in html(turn.view)


def test_without_its_styles_it_still_reads() -> None:
    """GitHub shows a saved output without styles, and other viewers without knowing our front ends' colors."""
    turn = ToldTurn()
    turn.start()
    turn.say("The **answer**.")
    turn.complete()
    bare = re.sub(r' style="[^"]*"', "", html(turn.view))
    assert not re.search(r"\s(style|class|id)=", bare)
    words = re.sub(r"<[^>]+>", "", bare).replace("&nbsp;", " ").split()
    assert words[:4] == ["completed", "jido_ai", "·", "simulated:story"]
    assert words[-2:] == ["The", "answer."]
    assert all("," in use for use in re.findall(r"var\(([^()]*)", html(turn.view)))
