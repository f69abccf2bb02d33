"""Tab completion for `%jido` and `%%jido`: commands, flags, backends, models, conversations.

Nothing is opened for it: what only an open Lab knows is offered once there is one. A mistake in the settings is not
told here, where nobody asked for it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import JidoError

if TYPE_CHECKING:
    from ..llm.settings import Settings
    from .magics import JidoMagics

_CELL = re.compile(r"%%jido(?=\s)")
_LINE = re.compile(r"(?:.*=\s*)?%jido(?=\s)")
_LAST_WORD = re.compile(r"\S*$")

Words = Iterable[str]


class Offer(NamedTuple):
    """What fits at the cursor: `words` may stand in the place of `fragment`."""

    fragment: str
    words: list[str]


def add_completion(shell: Any, magics: "JidoMagics") -> Callable[[], None]:
    """Complete in `shell` from now on; returns the way to stop it."""
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return lambda: None
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="jido_nb", priority=200)  # type: ignore[untyped-decorator]
    def jido_matcher(context: Any) -> dict[str, Any]:
        line = context.full_text.split("\n")[context.cursor_line]
        offer = complete(magics, line[: context.cursor_position], first_line=context.cursor_line == 0)
        if offer is None or not offer.words:
            return {"completions": []}
        completions = [SimpleCompletion(word, type="jido") for word in offer.words]
        return {"completions": completions, "matched_fragment": offer.fragment, "suppress": True, "ordered": True}

    completer.custom_matchers.append(jido_matcher)

    def stop() -> None:
        with suppress(ValueError):
            completer.custom_matchers.remove(jido_matcher)

    return stop


def complete(magics: "JidoMagics", before: str, *, first_line: bool) -> Offer | None:
    """What may follow `before`, the line as far as the cursor; None: it is no line of ours."""
    cell = _CELL.match(before) if first_line else None
    line = None if cell else _LINE.match(before)
    place = cell or line
    if place is None:
        return None
    fragment = _LAST_WORD.search(before)
    word = fragment.group() if fragment else ""
    earlier = before[place.end() : len(before) - len(word)].split()
    candidates = _cell_words(magics, earlier, word) if cell else _line_words(magics, earlier)
    return Offer(word, sorted({each for each in candidates if each.startswith(word)}))


def _cell_words(magics: "JidoMagics", earlier: list[str], word: str) -> Words:
    from .flags import flags_of

    known = _values(magics).get(earlier[-1]) if earlier else None
    if known is not None:
        return known()
    method: Any = type(magics).ask
    return flags_of(method.parser) if word.startswith("-") or not word else ()


def _line_words(magics: "JidoMagics", earlier: list[str]) -> Words:
    from .commands import COMMANDS

    match earlier:
        case []:
            return COMMANDS
        case ["use"]:
            return [*models(magics), *_settings(magics).llm.backends]
        case ["use", _]:
            return models(magics)
        case ["recording"]:
            return ("off", "record", "replay", "auto")
        case ["models"]:
            return (name for table in _settings(magics).llm.backends.values() for name in table.providers)
        case ["history" | "replay"]:
            return conversations(magics)
        case ["recording", "record" | "replay" | "auto"] | ["journal"]:
            return _files()
    return ()


def _values(magics: "JidoMagics") -> dict[str, Callable[[], Words]]:
    """What may follow a flag."""
    flags: dict[tuple[str, ...], Callable[[], Words]] = {
        ("-m", "--model"): lambda: models(magics),
        ("-b", "--backend"): lambda: _settings(magics).llm.backends,
        ("-c", "--conversation"): lambda: conversations(magics),
        ("--budget",): lambda: ("attempts=", "tokens=", "cost_usd=", "wall_ms="),
    }
    values = {name: words for names, words in flags.items() for name in names}
    free = ("--system", "-p", "--param", "--timeout", "--attempts", "-o", "--output")
    return {**values, **dict.fromkeys(free, tuple)}


def models(magics: "JidoMagics") -> Iterator[str]:
    """Models that can be named without knowing a vendor's list: simulated ones, aliases, agents, and those in use."""
    from ..simulator.catalogue import CATALOGUE

    settings = _settings(magics).llm
    yield from (f"simulated:{name}" for name in CATALOGUE)
    yield from settings.aliases
    yield from settings.aliases.values()
    for name, table in settings.backends.items():
        yield from (f"{name}:{agent}" for agent in table.agents)
        yield from (f"{provider}:" for provider in table.providers)


def conversations(magics: "JidoMagics") -> list[str]:
    """Those in the journal, if it is open."""
    lab = magics.open_lab
    if lab is None:
        return []
    with suppress(JidoError):
        # A name with a blank would have to be quoted, and the completer splits words as it likes.
        return [subject for subject in lab.journal.subjects() if subject.split() == [subject]]
    return []


def _settings(magics: "JidoMagics") -> "Settings":
    from ..llm.settings import Settings
    from ..settings import load_settings

    lab = magics.open_lab
    if lab is not None:
        return lab.settings
    try:
        return load_settings()
    except JidoError:
        return Settings()


def _files() -> list[str]:
    from pathlib import Path

    return sorted(str(path) for pattern in ("*.sqlite", "*.jsonl", "*/*.jsonl") for path in Path().glob(pattern))
