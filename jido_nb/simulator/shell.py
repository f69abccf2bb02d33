"""The answer that has a coding agent run a command, with its own shell, and then says what came of it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .asked import Asked
from .scenario import Answer
from .steps import Text, ToolUse

COMMAND = "echo 'nothing to run'"
"""Run where the user named no command."""
OUTPUT_CHARS = 2000
_QUOTED = re.compile(r"`([^`]+)`")

SHELLS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "Bash": lambda command: {"command": command, "description": "Run the command"},
    "bash": lambda command: {"command": command, "description": "Run the command"},
    "exec_command": lambda command: {"cmd": command, "yield_time_ms": 30_000},
    "shell_command": lambda command: {"command": command},
    "shell": lambda command: {"command": ["/bin/sh", "-c", command]},
    "run_shell_command": lambda command: {"command": command},
}
"""Tools that run a command, by name, and their arguments: Claude Code's, OpenCode's, Codex's three, Gemini CLI's."""


def shell_answer(asked: Asked) -> Answer:
    """A call of the client's shell with the command that the user put between backticks; then what the shell said."""
    if asked.rounds:
        said = asked.rounds[-1].strip()[:OUTPUT_CHARS]
        return Answer.of(f"The shell said:\n\n{said}", pause_ms=5)
    tool = next((name for name in asked.tools if name in SHELLS), None)
    if tool is None:
        return Answer.of("You offer me no shell that I know.", pause_ms=5)
    quoted = _QUOTED.findall(asked.words)
    call = ToolUse.of(
        tool,
        SHELLS[tool](quoted[-1] if quoted else COMMAND),
        # A conversation holds many calls, and tells them apart by their ids.
        id=f"toolu_sim_{len(asked.messages)}",
        pause_ms=5,
    )
    return Answer((Text.of("I will run that.", pause_ms=5), call))
