"""Is the runtime well, and if not, what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from ..errors import printable


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is ok only if everything is: what is not stands in `problems`, in words."""

    status: Literal["ok", "degraded", "closed"]
    problems: tuple[str, ...] = ()
    journal: str = ""
    """Where the journal is kept."""
    signals: int = 0
    waiting: int = 0
    """Signals that are on their way: put and not yet applied."""
    in_flight: int = 0
    queued: int = 0
    conversations: int = 0
    turns_checked: int = 0
    """Turns whose replay was held against what was lived."""
    recovered: int = 0
    """Effects that were ended when the journal was opened, because a crash had left them open."""
    subscribers: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        lines = [f"Health: {self.status}", *(f"  ! {problem}" for problem in self.problems)]
        rows = {
            "journal": f"{self.journal} ({self.signals} signals)",
            "on their way": self.waiting,
            "effects": f"{self.in_flight} running, {self.queued} queued",
            "conversations": f"{self.conversations} in memory",
            "replay parity": f"{self.turns_checked} turns checked",
            "recovered": f"{self.recovered} effects",
        }
        return printable("\n".join([*lines, *(f"  {name:<14} {value}" for name, value in rows.items())]))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": f"<pre>{escape(repr(self))}</pre>"}
