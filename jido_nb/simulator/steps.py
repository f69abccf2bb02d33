"""What a model does inside one answer, as data.

An answer is a list of steps. A block (`Text`, `Thinking`, `ToolUse`, ...) is sent in pieces; between the pieces, and
between the blocks, stand interludes: a wait, a ping, a fault. A fault is the last thing that happens in its answer.
Nothing here knows a wire protocol, a clock or a socket, and nothing is random: the same steps make the same bytes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence for `ms` milliseconds."""

    ms: float


class Release(Protocol):
    """What `anyio.Event` is."""

    async def wait(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Hold:
    """Silence until `release` is set, by a test that chooses what comes first. An answer in one piece is not held."""

    release: Release


@dataclass(frozen=True, slots=True)
class Ping:
    """A keep-alive event that carries nothing."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that goes into the body as it stands, outside of the protocol.

    Half surrogates stand for bytes that are no UTF-8: "\\udcff" is sent as FF (Python's `surrogateescape`).
    """

    text: str


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence until the client gives up.

    `ping_ms`: send a ping this often meanwhile, so that the connection looks alive and the model does not. None: none.
    """

    ping_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A real TCP reset (RST)."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """The body ends without the protocol's end marker.

    `clean`: HTTP itself ends properly, so that only the missing marker tells. Otherwise the connection just ends (FIN).
    """

    clean: bool = True


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error event in the middle of the stream; `kind` is the protocol's own error type."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"


Fault = Stall | Reset | Truncate | StreamError
Interlude = Wait | Hold | Ping | Raw | Fault
Piece = str | Interlude


@dataclass(frozen=True, slots=True)
class Text:
    """A block of text. `pause_ms` is the wait before each piece, in milliseconds."""

    pieces: tuple[Piece, ...]
    pause_ms: float = 0

    @classmethod
    def of(cls, text: str | Iterable[Piece], *, pause_ms: float = 0, words: int = 1) -> Self:
        """A string is cut into pieces of `words` words; anything else is taken as the pieces themselves."""
        return cls(in_words(text, words) if isinstance(text, str) else tuple(text), pause_ms)


@dataclass(frozen=True, slots=True)
class Thinking:
    """A block of thinking with the signature that proves it to the provider."""

    pieces: tuple[Piece, ...]
    pause_ms: float = 0
    signature: str = "c2ltdWxhdGVkLXNpZ25hdHVyZQ=="

    @classmethod
    def of(cls, text: str | Iterable[Piece], *, pause_ms: float = 0, words: int = 1) -> Self:
        """As `Text.of`."""
        return cls(in_words(text, words) if isinstance(text, str) else tuple(text), pause_ms)


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Thinking that the provider hides: an opaque `data` string, sent whole."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of the tool `name`; the string pieces joined are its input as JSON.

    `server`: the provider runs the tool itself, not the client.
    """

    name: str
    pieces: tuple[Piece, ...]
    id: str = "toolu_sim_1"
    server: bool = False
    pause_ms: float = 0

    @classmethod
    def of(
        cls,
        name: str,
        arguments: Mapping[str, Any],
        *,
        id: str = "toolu_sim_1",
        server: bool = False,
        pause_ms: float = 0,
        size: int = 12,
    ) -> Self:
        """The arguments as JSON, in pieces of `size` characters."""
        text = json.dumps(arguments, ensure_ascii=False)
        pieces = tuple(text[start : start + size] for start in range(0, len(text), size))
        return cls(name, pieces, id, server, pause_ms)


@dataclass(frozen=True, slots=True)
class Block:
    """Any other content block of the protocol, sent whole; `json` is its JSON text."""

    json: str

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> Self:
        return cls(json.dumps(block, ensure_ascii=False))


Step = Text | Thinking | RedactedThinking | ToolUse | Block | Interlude


def in_words(text: str, words: int = 1) -> tuple[str, ...]:
    """`text` in pieces of `words` words, each with the space that precedes it; joined they are `text` again."""
    atoms = re.findall(r"\s*\S+|\s+$", text)
    return tuple("".join(atoms[start : start + words]) for start in range(0, len(atoms), words))


def joined(pieces: Iterable[Piece]) -> str:
    """The strings among `pieces`, up to the first fault."""
    parts = []
    for piece in pieces:
        if isinstance(piece, Fault):
            break
        if isinstance(piece, str):
            parts.append(piece)
    return "".join(parts)
