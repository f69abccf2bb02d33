"""The answer that shows a client what it sent, so that the memory of a conversation can be seen."""

from .asked import Asked
from .scenario import Answer, Echo

LINE_CHARS = 80
"""An echo quotes no more of a message than this: it comes back in the next request, and must not double each time."""


def echo_answer(echo: Echo, asked: Asked) -> Answer:
    """One line that counts the messages, then one line for each."""
    count = len(asked.messages)
    lines = [f"I received {count} message{'' if count == 1 else 's'}:"]
    if asked.system is not None:
        lines.append(f"system: {_line(asked.system)}")
    lines += [f"{number}. {said.role}: {_line(said.text)}" for number, said in enumerate(asked.messages, 1)]
    return Answer.of("\n".join(lines), pause_ms=echo.pause_ms)


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LINE_CHARS else flat[: LINE_CHARS - 1] + "…"
