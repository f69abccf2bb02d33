"""When two requests are the same one: what a model can see of them, as a key, and as facts for people.

Left out is what differs from run to run or from machine to machine, and means nothing to the model: ids, limits of
time, the directory in which an agent works, and the provider's own form of an earlier answer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from typing import Any, Final

from .request import LLMRequest, Message
from .secrets import scrub_value

LOCAL_OPTIONS: Final = frozenset({"cwd", "session_id"})
"""Options that say where an answer is made, not which one."""

_SHOWN_CHARS: Final = 2000
_COMPARED_CHARS: Final = 400
_WORDS: Final[Mapping[str, str]] = {
    "backend": "backend",
    "provider": "provider",
    "model": "model",
    "stream": "stream",
    "system_prompt": "system prompt",
    "options": "options",
    "earlier": "earlier messages",
    "prompt": "prompt",
}
"""The facts that make a request, from the one that says most about where it belongs to the one that says least."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """`key` is equal for equal requests. `facts` are for people: JSON values, shortened and without secrets."""

    key: str
    facts: dict[str, Any]


def request_key(request: LLMRequest) -> RequestKey:
    """What tells `request` from others."""
    *earlier, last = [[message.role, message.content] for message in request.messages]
    told: dict[str, Any] = {
        "backend": request.backend,
        "provider": request.provider,
        "model": request.model,
        "stream": request.stream,
        "system_prompt": request.system_prompt,
        "options": {name: value for name, value in request.options.items() if name not in LOCAL_OPTIONS},
    }
    facts = {**told, "earlier": f"{len(earlier)}:{_digest(earlier)[:8]}", "prompt": _shown(request.messages[-1])}
    return RequestKey(_digest({**told, "messages": [*earlier, last]})[:32], scrub_value(facts))


def closeness(asked: Mapping[str, Any], kept: Mapping[str, Any]) -> float:
    """How alike the facts of two requests are: the number of equal ones, and how alike their prompts are."""
    equal = sum(asked.get(name) == kept.get(name) for name in _WORDS)
    prompt, known = (str(facts.get("prompt"))[:_COMPARED_CHARS] for facts in (asked, kept))
    return float(equal + SequenceMatcher(None, prompt, known).ratio())


def difference(asked: Mapping[str, Any], kept: Mapping[str, Any]) -> str:
    """In which facts two requests differ: `the model ('echo' in the recording, 'story' now)`."""
    parts = []
    for name, words in _WORDS.items():
        before, now = kept.get(name), asked.get(name)
        if before == now:
            continue
        if name == "earlier":
            count, counted = (str(facts).partition(":")[0] for facts in (before, now))
            told = f" ({count} in the recording, {counted} now)" if count != counted else ""
            parts.append(f"the {words}{told}")
        else:
            parts.append(f"the {words} ({_short(before)} in the recording, {_short(now)} now)")
    return ", ".join(parts) or "what is not shown of them"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _shown(message: Message) -> str:
    content = message.content
    if not isinstance(content, str):
        content = "\n".join(str(block.get("text", f"[{block.get('type', 'block')}]")) for block in content)
    return content[:_SHOWN_CHARS]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
