"""What an answer consumed and what that costs. None means unknown; it is never written as 0."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt, in the provider's own count.

    `input_tokens` are those neither read from nor written to a cache; `reasoning_tokens` are part of `output_tokens`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def total_tokens(self) -> int | None:
        """All that was read and written; None when neither side is known."""
        known = [
            count
            for count in (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens)
            if count is not None
        ]
        return sum(known) if known else None

    def updated(self, later: "Usage | None") -> "Usage":
        """This with what `later` knows in its place: providers send totals so far, not differences."""
        if later is None:
            return self
        known = ((getattr(self, name), getattr(later, name)) for name in _NAMES)
        return Usage(*(before if now is None else now for before, now in known))

    def to_payload(self) -> dict[str, int | None]:
        """All five keys, ints or None."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any] | None) -> Self | None:
        """The inverse of `to_payload`; other keys are ignored, None stays None."""
        if payload is None:
            return None
        return cls(**{name: payload.get(name) for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Usage))
CHARACTERS_PER_TOKEN = 4


def estimated(told: Usage | None, characters: int) -> Usage | None:
    """The usage of an answer that broke off after `characters` characters; `told` itself when that says enough.

    Providers count what they wrote when they are done, and until then say little (Anthropic: 1). So what they told is
    kept, but the output is at least a quarter of the characters that arrived. What nobody told stays None.
    """
    output = -(-characters // CHARACTERS_PER_TOKEN)
    if not output or (told is not None and (told.output_tokens or 0) >= output):
        return told
    return (told or Usage()).updated(Usage(output_tokens=output))


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of one attempt. `price_table` names the table and version that gave it."""

    amount: float
    currency: str = "USD"
    price_table: str = ""

    def to_payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any] | None) -> Self | None:
        """The inverse of `to_payload`; None stays None."""
        if payload is None:
            return None
        return cls(
            amount=float(payload["amount"]),
            currency=str(payload.get("currency") or "USD"),
            price_table=str(payload.get("price_table") or ""),
        )
