"""A request to a model, as every wire protocol of the simulator reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the conversation that came with a request, its content flattened to text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants. `characters` is the length of all that it said, from which tokens are estimated."""

    model: str
    stream: bool
    messages: tuple[Said, ...]
    system: str | None
    characters: int
    body: Mapping[str, Any]
    words: str = ""
    """What the user said last: an agent puts more around it, so it is the last text of the message."""
    rounds: tuple[str, ...] = ()
    """What the client's tools have answered since, one entry for each round of calls."""
    tools: tuple[str, ...] = ()
    """The names of the tools that the client offers."""
