"""Options are checked by name before anything is sent: a misspelt one would silently do nothing. Pure."""

from collections.abc import Collection, Mapping

from ...errors import closest
from ...llm.error import LLMError

_OWN: Mapping[str, str] = {
    "model": "model",
    "messages": "the conversation",
    "system": "system_prompt",
    "stream": "stream",
}


def check_options(options: Collection[str], known: Collection[str]) -> None:
    """Refuse the first option that is not `known`.

    Raises:
        LLMError: `config`, with the closest name.
    """
    for name in options:
        if name in _OWN:
            raise LLMError.of("config", f"{name!r} is no option; use {_OWN[name]}", field=f"options.{name}")
        if name not in known:
            raise LLMError.of(
                "config", f"no option {name!r} for this provider.{closest(name, known)}", field=f"options.{name}"
            )


def nothing_to_send() -> LLMError:
    """The error of a conversation in which nobody has said anything."""
    return LLMError.of("config", "the conversation holds no content to send", field="messages")
