"""What `%%jido` accepts on its first line."""

import json
import shlex
from argparse import Namespace
from collections.abc import Iterable
from keyword import iskeyword
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
    argument("--attempts", type=int, metavar="N", help="attempts in all, the first one included"),
    argument("--budget", metavar="KEY=VALUE", action="append", help="cap on this answer: tokens, cost_usd, wall_ms"),
    argument("-o", "--output", metavar="NAME", help="also give the turn this name in the notebook"),
    argument("--bg", action="store_true", help="do not wait; the answer goes on below the cell"),
    argument("--no-interpolate", action="store_true", help="send {{ }} as it is"),
    argument("--show-prompt", action="store_true", help="also show the text as it is sent"),
)


def with_flags(name: str, kind: Any) -> Any:
    """Make a method the magic of this name, of `kind` `cell_magic`, with the flags and their help."""

    def decorate(function: Any) -> Any:
        decorated = kind(name)(function)
        # Decorators apply bottom up, and help lists the one on top first.
        for flag in reversed(_FLAGS):
            decorated = flag(decorated)
        # What is shown after `%%jido?` begins with the name as people write it.
        return magic_arguments.magic_arguments(f"%{name}")(decorated)  # type: ignore[no-untyped-call]

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
        known = flags_of(parser)
        word = stray[0]
        if word.startswith("-"):
            raise UsageError(f"%%jido has no flag {word!r}.{closest(word.split('=')[0], known)}")
        raise UsageError(f"%%jido: the prompt goes below the first line, which holds only flags (found {word!r})")
    if flags.timeout is not None and flags.timeout < 1:
        raise UsageError(f"%%jido: --timeout is a number of milliseconds above 0 (got {flags.timeout})")
    if flags.attempts is not None and flags.attempts < 1:
        raise UsageError(f"%%jido: --attempts is a number above 0 (got {flags.attempts})")
    if flags.output is not None and (not flags.output.isidentifier() or iskeyword(flags.output)):
        raise UsageError(f"%%jido: -o takes a Python name (got {flags.output!r})")
    if flags.new and flags.conversation:
        raise UsageError("%%jido: --new and -c exclude each other; -c with a fresh name begins a conversation too")
    policy: dict[str, Any] = {} if flags.attempts is None else {"max_attempts": flags.attempts}
    if flags.budget:
        policy["budget"] = pairs("--budget", flags.budget)
    return Namespace(**{**vars(flags), "options": pairs("-p", flags.param or ()), "policy": policy})


def flags_of(parser: Any) -> dict[str, str]:
    """Every flag, with its help."""
    return {option: action.help or "" for action in parser._actions for option in action.option_strings}


def pairs(flag: str, given: Iterable[str]) -> dict[str, Any]:
    """What `key=value` pairs say; a value that is JSON is taken as such."""
    found: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"%%jido: {flag} takes key=value (got {pair!r})")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
