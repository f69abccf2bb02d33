"""Takes secrets out of signals before they are written, told or acted on.

What is looked for: the values that this process knows to be secret, whatever is a secret by its looks (`CERTAIN` of
`secrets.py`), and the user's own patterns. A signal without any of it comes back as it is, for the price of a search.
A question that holds a key reaches the model without it too, because the model is asked from the log.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.catalogue import stream_of
from ..core.signal import Signal, make_signal, values_of
from ..llm.secrets import CERTAIN, SHORTEST_SECRET, Rule, scrub_value

IDENTITIES = frozenset({"message_id", "effect_id", "output_id", "audit_id", "tool_call_id", "session_id", "request_id"})
"""Payload keys by which signals find each other; they are left as they are."""

_OWN_EXTENSIONS = frozenset({"contract_major", "cause_id", "project_id"})


class Redactor:
    """Knows what is secret here. Stateless: the same signal always comes out the same."""

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        """Args:
        secrets: Values that must never be written; those of under six characters are left out.
        patterns: Regular expressions of the user's own; what they match is taken out.
        """
        self._secrets = tuple(sorted({each for each in secrets if len(each) >= SHORTEST_SECRET}, key=len, reverse=True))
        self._rules = (*CERTAIN, *(Rule((), re.compile(pattern)) for pattern in patterns))
        self._always = any(not rule.hints for rule in self._rules)
        hints = [hint.encode() for rule in self._rules for hint in rule.hints]
        self._hints = tuple({*hints, *(_in_json(secret) for secret in self._secrets)})

    def signal(self, signal: Signal) -> Signal:
        """`signal` without secrets; the very same one where there are none."""
        extensions = signal.extensions
        more = len(extensions) > 1 and not extensions.keys() <= _OWN_EXTENSIONS
        if not (more or self._always or self._suspects(signal.body)) or stream_of(signal.type) == "applied":
            return signal
        data = self._payload(values_of(signal.data))
        others = {key: value if key in _OWN_EXTENSIONS else self.value(value) for key, value in extensions.items()}
        if data == signal.data and others == extensions:
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
        return scrub_value(value, self._secrets, self._rules)

    def _suspects(self, body: bytes) -> bool:
        # A loop of its own: this is asked of every signal, and a generator would cost more than the search.
        for hint in self._hints:  # noqa: SIM110
            if hint in body:
                return True
        return False

    def _payload(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value if key in IDENTITIES else self.value(value) for key, value in data.items()}


def _in_json(secret: str) -> bytes:
    """How a payload spells it."""
    return json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
