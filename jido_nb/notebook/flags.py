"""What `%%jido` accepts on its first line."""

import json
import shlex
from argparse import Namespace
from typing import Any

from IPython.core import magic_arguments
from IPython.core.error import UsageError

from ..errors import closest

# IPython's decorators carry no types.
argument: Any = magic_arguments.argument

_FLAGS = (
    argument("-b", "--backend", help="backend for this message: jido_ai, harness, ..."),
    argument("-m", "--model", help="model for this message, as provider:model or an alias"),
    argument("-c", "--conversation", metavar="NAME", help="go on with the conversation of this name, or begin it"),
    argument("--new", action="store_true", help="begin a new conversation"),
    argument("--system", metavar="TEXT", help="system prompt of the conversation, from this message on"),
    argument("-p", "--param", metavar="KEY=VALUE", action="append", help="model option; the value is JSON or text"),
    argument("--no-stream", action="store_true", help="ask for the whole answer at once"),
    argument("--timeout", type=int, metavar="MS", help="limit of one attempt, in milliseconds"),
    argument("-o", "--output", metavar="NAME", help="also give the turn this name in the notebook"),
    argument("--bg", action="store_true", help="do not wait; the answer goes on below the cell"),
    argument("--no-interpolate", action="store_true", help="send {{ }} as it is"),
)


def with_flags(name: str, kind: Any) -> Any:
    """Make a method the magic of this name, of `kind` `cell_magic`, with the flags and their help."""

    def decorate(function: Any) -> Any:
        decorated = kind(name)(function)
        # Decorators apply bottom up, and help lists the one on top first.
        for flag in reversed(_FLAGS):
            decorated = flag(decorated)
        return magic_arguments.magic_arguments(name)(decorated)  # type: ignore[no-untyped-call]

    return decorate


def parse(parser: Any, line: str) -> Namespace:
    """The flags of one cell.

    Raises:
        UsageError: a flag is unknown (with the closest one), a value does not fit, or there are stray words.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%jido: {error} in its first line: {line.strip()!r}") from None
    flags, stray = parser.parse_known_args(words)
    if stray:
        known = [option for action in parser._actions for option in action.option_strings]
        word = stray[0]
        if word.startswith("-"):
            raise UsageError(f"%%jido has no flag {word!r}.{closest(word.split('=')[0], known)}")
        raise UsageError(f"%%jido: the prompt goes below the first line, which holds only flags (found {word!r})")
    if flags.timeout is not None and flags.timeout < 1:
        raise UsageError(f"%%jido: --timeout is a number of milliseconds above 0 (got {flags.timeout})")
    if flags.output is not None and not flags.output.isidentifier():
        raise UsageError(f"%%jido: -o takes a Python name (got {flags.output!r})")
    if flags.new and flags.conversation:
        raise UsageError("%%jido: --new and -c exclude each other; -c with a fresh name begins a conversation too")
    return Namespace(**{**vars(flags), "options": options(flags.param or ())})


def options(pairs: Any) -> dict[str, Any]:
    """`key=value` pairs as model options; a value that is JSON is taken as such."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"%%jido: -p takes key=value (got {pair!r})")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
