"""One run of a turn's text and thinking: they only grow; what is taken back begins the next run."""

from dataclasses import dataclass, field

from .growing import Growing


@dataclass(frozen=True, slots=True)
class Run:
    """Held and replaced as one value, so that a reader on another thread never sees the text of one run in the next."""

    number: int = 0
    text: Growing = field(default_factory=Growing)
    thinking: Growing = field(default_factory=Growing)

    def replaced(self, text: str, thinking: str) -> "Run":
        """A run that says exactly this: the same one going on if it continues what was said, else the next."""
        grows = text.startswith(str(self.text)) and thinking.startswith(str(self.thinking))
        return Run(self.number + (not grows), Growing(text), Growing(thinking))
