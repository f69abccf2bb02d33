"""`{{ expression }}` in a prompt: values of the notebook, put into the text. Single braces are left alone."""

import ast
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from .as_text import as_text

HINT = "Write --no-interpolate to send the braces as they are."


def interpolate(text: str, namespace: Mapping[str, Any]) -> str:
    """`text` with each `{{ expression }}` replaced by its value in `namespace`, as text (`as_text`).

    Raises:
        ConfigError: an expression does not parse, or fails; nothing is sent.
    """
    parts: list[str] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        source, end = _expression(text, start)
        parts += [text[at:start], _value(source, namespace)]
        at = end
    return "".join([*parts, text[at:]])


def _expression(text: str, start: int) -> tuple[str, int]:
    # An expression may hold braces of its own, so its end is the first `}}` before which it parses.
    end = text.find("}}", start + 2)
    first = text[start + 2 : end].strip() if end >= 0 else text[start + 2 :].split("\n")[0]
    while end >= 0:
        source = text[start + 2 : end].strip()
        if _parses(source):
            return source, end + 2
        end = text.find("}}", end + 1)
    raise ConfigError(f"{{{{ {first} }}}} is not a Python expression. {HINT}", field="prompt", value=first)


def _parses(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the last two: it nests too deeply
        return False
    return True


def _value(source: str, namespace: Mapping[str, Any]) -> str:
    try:
        # The person's own code in the person's own kernel, like any other line of the cell.
        return as_text(eval(compile(source, "<jido prompt>", "eval"), dict(namespace)))  # noqa: S307
    except Exception as error:
        message = f"{{{{ {source} }}}}: {type(error).__name__}: {error}. {HINT}"
        raise ConfigError(message, field="prompt", value=source) from error
