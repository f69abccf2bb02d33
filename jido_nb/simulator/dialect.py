"""How an OpenAI-compatible server strays from OpenAI's own, as data. Real servers do each of these things."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server leaves out or adds; the default is OpenAI itself. Other protocols take no notice of it."""

    role: bool = True
    """The first chunk says `role: assistant`."""
    done: bool = True
    """The last event is `[DONE]`."""
    finish_reason: bool = True
    usage: Literal["last", "finish", "never"] = "last"
    """In a chunk of its own if the client asks for it, with the finish reason whether asked or not, or not at all."""
    nulls: bool = False
    """Fields without a value are sent as `null`, and so is a whole delta now and then."""
    empty_choices: bool = False
    """Chunks with an empty list of choices come first and last."""
    reasoning: str = "reasoning_content"
    """The name of the field for thinking."""
    tool_pieces: bool = True
    """The arguments of a tool call come in pieces; otherwise each call comes whole."""
    tool_index: bool = True
    """Each piece of a tool call says which call it belongs to; otherwise all say 0."""


OPENAIS_OWN = Dialect()
