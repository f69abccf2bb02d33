"""Takes secrets out of a text that comes in pieces, in which a piece may end within a secret.

Rule 1: what comes out, put together, is what `scrub` makes of the whole, wherever the pieces end.
Rule 2: held back is only what could be the beginning of a secret, until more text settles what it is.
Rule 3: a text that is cut off in the second half of a known secret keeps nothing of it.

Patterns of the user's own do not say how their matches begin. With them a text comes out word by word, and what they
find across words is taken out of the whole, not of the pieces.
"""

import re
from collections.abc import Sequence

from ..llm.secrets import REACH, REDACTED, STARTS, Rule, Span, spans, without

_KNOWING = 4
"""So many of its first letters make a search for a known secret worth while."""
_LONG = 1024
"""When so much is held back, it is searched again only when it has grown by an eighth: a token without an end must not
cost more than its length."""

_BEGINNINGS = tuple({start[:length] for start in STARTS for length in range(1, len(start))})
_BEGINNING = re.compile(rf"\b(?:{'|'.join(map(re.escape, _BEGINNINGS))})\Z")
_BEGINNING_CHARS = max(map(len, _BEGINNINGS))


class Sought:
    """What is looked for, and how to see quickly that it is not there. Shared by many texts."""

    def __init__(self, secrets: Sequence[str], rules: Sequence[Rule]) -> None:
        self.secrets = secrets
        self.rules = rules
        self.openings = tuple(rule.opening for rule in rules if rule.opening is not None)
        self.by_word = len(self.openings) < len(rules)
        hints = (hint for rule in rules for hint in rule.hints)
        self.hints = tuple({*hints, *(secret[:_KNOWING] for secret in secrets)})
        first_letters = (secret[:length] for secret in secrets for length in range(1, _KNOWING))
        self.beginnings = tuple({*_BEGINNINGS, *first_letters})


class Sieve:
    """One text. `feed` gives what may be shown of it, `end` what is left."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        self._before = ""
        """The end of what was let through, as it came."""
        self._held: list[str] = []
        self._held_chars = self._look_at = 0
        self._passed = 0
        """How much of what came was let through or hidden."""
        self._hidden: list[Span] = []

    def feed(self, piece: str) -> str:
        """Take the next piece in; what may be shown now."""
        sought = self._sought
        if not self._held and not sought.by_word:
            window = self._before + piece
            # A loop of its own: this runs once per chunk, and a generator would cost more than the search.
            for hint in sought.hints:
                if hint in window:
                    break
            else:
                if not window.endswith(sought.beginnings) or self._begun(window, len(self._before)) == len(window):
                    self._before = window[-REACH:]
                    self._passed += len(piece)
                    return piece
        self._held.append(piece)
        self._held_chars += len(piece)
        if self._held_chars < self._look_at:
            return ""
        text = self._before + "".join(self._held)
        return self._release(text, self._settled(text, len(self._before)))

    def end(self, *, cut_off: bool = False) -> str:
        """What is left. `cut_off`: more would have come."""
        text = self._before + "".join(self._held)
        known = self._known_end(text, len(self._before), half=True) if cut_off else len(text)
        return self._release(text, known) + (REDACTED if known < len(text) else "")

    def keep(self, chars: int) -> int:
        """Forget what came after so many characters; how many of those that were shown are left."""
        if chars < self._passed:
            self._before, self._held, self._passed = "", [], chars
            self._hidden = [(begin, min(end, chars)) for begin, end in self._hidden if begin < chars]
        else:
            self._held = ["".join(self._held)[: chars - self._passed]]
        self._held_chars, self._look_at = sum(map(len, self._held)), 0
        return self._passed - sum(end - begin - len(REDACTED) for begin, end in self._hidden)

    def _settled(self, text: str, start: int) -> int:
        """Up to where more text changes nothing."""
        sought = self._sought
        settled = self._begun(text, start)
        for opening in sought.openings:
            for match in opening.finditer(text, start):
                if match.end() == len(text):
                    settled = min(settled, match.start())
        if sought.by_word and (words := text[start:].rsplit(None, 1)) and text.endswith(words[-1]):
            settled = min(settled, len(text) - len(words[-1]))
        return settled

    def _begun(self, text: str, start: int) -> int:
        """Where that begins of which there is too little yet to know it by."""
        beginning = _BEGINNING.search(text, max(start, len(text) - _BEGINNING_CHARS))
        known = self._known_end(text, start)
        return known if beginning is None else min(known, beginning.start())

    def _known_end(self, text: str, start: int, *, half: bool = False) -> int:
        """Where the beginning of a known secret begins that ends the text; `half`: at least half of it."""
        found = len(text)
        for secret in self._sought.secrets:
            for length in range(min(len(secret) - 1, len(text) - start), len(secret) // 2 if half else 0, -1):
                if text.endswith(secret[:length]):
                    found = min(found, len(text) - length)
                    break
        return found

    def _release(self, text: str, settled: int) -> str:
        sought, start = self._sought, len(self._before)
        hidden = spans(text, sought.secrets, sought.rules, start)
        # One that is not over yet, or that the next one may still grow together with, waits as a whole.
        settled = min([settled, *(begin for begin, end in hidden if begin < settled < end)])
        hidden = [span for span in hidden if span[1] <= settled]
        shown = without(text, hidden, start, settled)
        offset = self._passed - start
        self._hidden += [(begin + offset, end + offset) for begin, end in hidden]
        self._passed += settled - start
        self._before = text[max(0, settled - REACH) : settled]
        self._held = [text[settled:]] if settled < len(text) else []
        self._held_chars = len(text) - settled
        self._look_at = 0 if self._held_chars < _LONG else self._held_chars * 9 // 8
        return shown
