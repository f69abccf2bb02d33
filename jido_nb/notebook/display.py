"""A turn at rest: text/plain and our own static, safe text/html.

What a model wrote is data. Markdown is parsed with HTML, images and every link but http, https and mailto switched
off, and everything else is escaped, so the result may stand in a trusted notebook, in a saved file, in nbconvert.
Never text/markdown: front ends run the scripts in it. text/plain holds no ids and no times: it is compared by nbval.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from ..core.projections.turn import TurnView
from ..errors import printable
from .facts import note, retry_line, tool_detail, who

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_SAFE_LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
# Each front end names its colors, so that dark themes work; the last one is for pages that have no names for them.
_GRAY = "var(--jp-content-font-color2,var(--vscode-descriptionForeground,#57606a))"
_SOFT = f"color:{_GRAY}"
_LINE = "var(--jp-border-color2,var(--vscode-panel-border,#d0d7de))"
_CHIP = {
    "completed": "var(--jp-success-color0,var(--vscode-testing-iconPassed,#1a7f37))",
    "failed": "var(--jp-error-color0,var(--vscode-errorForeground,#c62828))",
    "canceled": "var(--jp-warn-color0,var(--vscode-editorWarning-foreground,#9a6700))",
}


def plain(view: TurnView) -> str:
    """The turn as text: the answer alone when it completed, and a line that says so when it did not."""
    lines = [f"[{retry_line(retry)}]" for retry in view.retries]
    lines += [f"[tool {tool.name}: {tool.status}]" for tool in view.tools]
    if view.text:
        lines.append(view.text)
    if view.status in ("failed", "canceled"):
        lines.append(f"[{view.status}] {note(view)}" if view.status == "failed" else f"[{note(view)}]")
    elif view.status != "completed":
        lines.append(f"[{view.status}]")
    return "\n".join(lines)


def html(view: TurnView) -> str:
    """The turn as static HTML without script, style element, class, id or remote content."""
    chip = _CHIP.get(view.status, _GRAY)
    facts = " · ".join(escape(fact) for fact in _facts(view))
    parts = [
        f'<div style="border-left:3px solid {_LINE};padding:2px 4px 4px 12px;margin:4px 0;overflow-wrap:anywhere">',
        f'<div style="{_SOFT};font-size:0.86em"><span style="color:{chip};font-weight:600">{escape(view.status)}</span>'
        f" &nbsp;{facts}</div>",
    ]
    parts += [f'<div style="{_SOFT};font-size:0.92em">{escape(retry_line(retry))}</div>' for retry in view.retries]
    if view.thinking:
        parts.append(
            f'<details style="{_SOFT};margin-top:4px"><summary style="cursor:pointer">Thinking</summary>'
            f'<div style="white-space:pre-wrap;padding-left:14px">{escape(view.thinking)}</div></details>'
        )
    for tool in view.tools:
        detail = f' <span style="{_SOFT}">{escape(tool_detail(tool))}</span>' if tool_detail(tool) else ""
        parts.append(
            f'<div style="font-size:0.92em"><code>{escape(tool.name)}</code> '
            f'<span style="{_SOFT}">{escape(tool.status)}</span>{detail}</div>'
        )
    if view.text:
        parts.append(f'<div style="margin-top:4px">{markdown(view.text)}</div>')
    if line := note(view):
        parts.append(f'<div style="color:{chip};font-size:0.92em">{escape(line)}</div>')
    return "\n".join([*parts, "</div>"])


def bundle(view: TurnView) -> dict[str, str]:
    """The mimebundle of a turn that has ended."""
    # There are front ends that are terminals, and would obey what a model wrote.
    return {"text/plain": printable(plain(view)), "text/html": html(view)}


def _facts(view: TurnView) -> list[str]:
    facts = [who(view)]
    if view.attempt > 1:
        facts.append(
            f"attempt {view.attempt} of {view.max_attempts}" if view.max_attempts else f"attempt {view.attempt}"
        )
    if view.done and view.started_us is not None:
        facts.append(f"{view.elapsed_ms(0) / 1000:.1f} s")
    if view.first_chunk_ms is not None:
        facts.append(f"first {_moment(view.first_chunk_ms)}")
    usage: Mapping[str, Any] = view.usage or {}
    if usage.get("output_tokens") is not None:
        before = "" if usage.get("input_tokens") is None else f"{usage['input_tokens']:,} in, "
        facts.append(f"{before}{usage['output_tokens']:,} out tokens")
    if view.cost and view.cost.get("amount") is not None:
        facts.append(f"{view.cost['amount']:.5f} {view.cost.get('currency') or 'USD'}")
    return [fact for fact in facts if fact]


def _moment(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def markdown(text: str) -> str:
    """Safe HTML of a model's markdown."""
    return str(_renderer().render(text))


@lru_cache(maxsize=1)
def _renderer() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # 40 ms that `%load_ext` must not pay

    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    renderer.validateLink = lambda url: bool(_SAFE_LINK.match(url.strip()))  # type: ignore[method-assign]
    renderer.add_render_rule("link_open", _link_open)
    renderer.add_render_rule("fence", _fence)
    renderer.add_render_rule("image", _image)
    return renderer


def _link_open(self: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return str(self.renderToken(tokens, index, options, env))


def _fence(self: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    # Without the class that the language would become: a model names no classes of the page.
    return f"<pre><code>{escape(tokens[index].content)}</code></pre>\n"


def _image(self: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    # Even a picture is a request to somebody's server, and its address can carry the conversation there.
    alt = self.renderInlineAsText(tokens[index].children or [], options, env)
    return f"[image: {escape(alt or 'not loaded')}]"
