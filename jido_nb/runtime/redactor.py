"""Takes secrets out of signals before they are written, told or acted on.

What is looked for: the values that this process knows to be secret (`known_secrets.py`), whatever is a secret by its
looks (`CERTAIN` of `secrets.py`), and the user's own patterns. A signal without any of it comes back as it is, for the
price of a search. A question that holds a key reaches the model without it too: the model is asked from the log.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from ..core.signal import Signal, make_signal, values_of
from ..errors import ConfigError, ContractError
from ..llm.event import LLMEvent, Retraction
from ..llm.secrets import ALL, CERTAIN, SHORTEST_SECRET, Rule, scrub, scrub_value
from ..llm.settings import RedactionSettings
from .sieve import Sieve, Sought

IDENTITIES = frozenset({"message_id", "effect_id", "output_id", "audit_id", "tool_call_id", "session_id", "request_id"})
"""Payload keys by which signals find each other; they are left as they are."""
MAX_SECRETS = 256
"""A key that was changed is secret still; so many are remembered."""

_OWN_EXTENSIONS = frozenset({"contract_major", "cause_id", "project_id"})
_EFFECT = "conv.effect."
_ASKS = "conv.in."
_JOINED = frozenset({"streaming", "thinking"})
"""The reports of an effect that hold nothing new but a piece of a text, and that went through a sieve."""
_NAMED = b'key":', b'Key":', b'KEY":'
"""How those of `SECRET_NAMES` end that no rule looks for anyway. Among the rules they would cost ten times more."""
_COMMON = ' etaonirs"_ldcumpfhg:,0123456789v.wyb-/kx?'
"""The characters of payloads, the most common first; the last stands for all others."""


class Redactor:
    """Knows what is secret here. What is taken out depends on nothing but what is known."""

    def __init__(self, settings: RedactionSettings, find: Callable[[], Iterable[str]] = tuple) -> None:
        """Args: find: gives what is known to be secret now; asked at once, and by `look_again`."""
        self.enabled = settings.enabled
        self._find = find
        self._rules = (*CERTAIN, *(Rule((), re.compile(pattern)) for pattern in settings.patterns))
        self._seen: dict[str, None] = {}
        self._learn()
        self.look_again()

    def look_again(self) -> None:
        """Look for secrets that have come up: a cell may set a key in the environment at any time.

        `signal` does so for what comes in from outside.
        """
        if not self.enabled:
            return
        found = [secret for secret in self._find() if len(secret) >= SHORTEST_SECRET and secret not in self._seen]
        if found:
            self._seen.update(dict.fromkeys(found))
            while len(self._seen) > MAX_SECRETS:
                del self._seen[next(iter(self._seen))]
            self._learn()

    def _learn(self) -> None:
        self._sought = sought = Sought(tuple(sorted(self._seen, key=len, reverse=True)), self._rules)
        hints = [hint for rule in self._rules for hint in rule.hints]
        spelled = [text for text in map(_in_json, sought.secrets) if not any(hint in text for hint in hints)]
        self._suspects = re.compile("|".join(map(_anchored, sorted({*hints, *spelled}))).encode()).search

    def signal(self, signal: Signal) -> Signal:
        """`signal` without secrets; the very same one where there are none."""
        if signal.type.startswith(_ASKS):
            self.look_again()
        return self._without(signal)

    def own(self, signal: Signal) -> Signal:
        """As `signal`, for one of the runtime's making: only the reports of effects can hold what is new."""
        if not signal.type.startswith(_EFFECT) or signal.data.get("status") in _JOINED:
            return signal
        return self._without(signal)

    def _without(self, signal: Signal) -> Signal:
        extensions = signal.extensions
        more = len(extensions) > 1 and not extensions.keys() <= _OWN_EXTENSIONS
        body = signal.body
        named = any(end in body for end in _NAMED)
        if not self.enabled or not (more or named or self._sought.by_word or self._suspects(body)):
            return signal
        payload = values_of(signal.data)
        data = {key: value if key in IDENTITIES else self.value(value) for key, value in payload.items()}
        others = {key: value if key in _OWN_EXTENSIONS else self.value(value) for key, value in extensions.items()}
        if data == payload and others == extensions:
            return signal
        return make_signal(
            id=signal.id,
            type=signal.type,
            source=signal.source,
            subject=signal.subject,
            time_us=signal.time_us,
            data=data,
            extensions=others,
        )

    def value(self, value: Any) -> Any:
        """A JSON value without secrets."""
        return scrub_value(value, self._sought.secrets, self._rules) if self.enabled else value

    def words(self, text: str) -> str:
        """What an error or a line of a log says, in which more is taken for a secret."""
        return scrub(text, self._sought.secrets, (*self._rules, *ALL)) if self.enabled else text

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """What is refused inside is refused without secrets."""
        try:
            yield
        except (ContractError, ConfigError) as error:
            self.look_again()
            error.args = (self.words(str(error)),)
            error.field, error.value = self.value(error.field), self.value(error.value)
            raise

    @contextmanager
    def streaming(self, emit: Callable[[LLMEvent], None]) -> Iterator[Callable[[LLMEvent], None]]:
        """`emit` for events of one attempt as they come; what was held back of their texts goes out with the block."""
        if not self.enabled:
            yield emit
            return
        stream = _Stream(self._sought, emit)
        try:
            yield stream.emit
        except BaseException:
            stream.end(cut_off=True)
            raise
        stream.end(cut_off=False)


class _Stream:
    """The events of one attempt, with a sieve for each of their two texts."""

    def __init__(self, sought: Sought, emit: Callable[[LLMEvent], None]) -> None:
        self._text, self._thinking = Sieve(sought), Sieve(sought)
        self._emit = emit
        self._sequence = 0

    def emit(self, event: LLMEvent) -> None:
        self._sequence = event.sequence
        delta = self._text.feed(event.delta) if event.delta else ""
        thinking = self._thinking.feed(event.thinking) if event.thinking else ""
        if delta != event.delta or thinking != event.thinking:
            event = msgspec.structs.replace(event, delta=delta, thinking=thinking)
        if isinstance(event.aside, Retraction):
            kept = Retraction(self._text.keep(event.aside.text), self._thinking.keep(event.aside.thinking))
            event = msgspec.structs.replace(event, aside=kept)
        self._emit(event)

    def end(self, *, cut_off: bool) -> None:
        delta, thinking = self._text.end(cut_off=cut_off), self._thinking.end(cut_off=cut_off)
        if delta or thinking:
            self._emit(LLMEvent("delta" if delta else "thinking", self._sequence, delta=delta, thinking=thinking))


def _in_json(secret: str) -> str:
    """How a payload spells it."""
    return json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "replace").decode()


def _anchored(hint: str) -> str:
    """A pattern that finds `hint` by its rarest character, since few places are then looked at twice."""
    at = max(range(len(hint)), key=lambda index: _COMMON.find(hint[index]) % len(_COMMON))
    return re.escape(hint[at:]) + (f"(?<={re.escape(hint)})" if at else "")


NOTHING_SECRET = Redactor(RedactionSettings(enabled=False))
