"""What the stand-in agent does as its prompt says: the model `script`.

The prompt is `{"attempts": [[step, ...], ...]}`. Attempt n plays entry n; the last entry repeats for ever. A step is a
mapping with one key:

| step | what it does |
| --- | --- |
| `text`, `thinking` | says that piece |
| `tool` | tells the state of a tool: `id`, `name`, `status`, `input`, `output` |
| `wait_ms`, `stall` | is silent for so long, or for ever |
| `done` | ends well; more fields of the record, or `{}` |
| `fail` | ends with a `failed` record of these fields, and exit code 1 |
| `canceled` | ends as an agent does that was interrupted |
| `exit` | ends without a record: `code`, and `stderr` to write before |
| `kill` | ends by that signal, by number |
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

FOR_EVER_S = 3600.0


class Speaker(Protocol):
    """What a script needs of the agent."""

    prompt: str
    attempt: int

    @property
    def text(self) -> str: ...

    def say(self, type: str, **fields: Any) -> None: ...
    def done(self, text: str, **fields: Any) -> None: ...
    def fail(self, status: int | None, message: str, **fields: Any) -> None: ...


def play_script(agent: Speaker) -> None:
    """Play the entry of this attempt; a script that ends without an ending ends the process without a record."""
    attempts = json.loads(agent.prompt)["attempts"]
    for step in attempts[min(agent.attempt, len(attempts)) - 1]:
        ((name, said),) = step.items()
        _STEPS[name](agent, said)


def _fail(agent: Speaker, said: dict[str, Any]) -> None:
    agent.fail(said.pop("status", None), said.pop("message", ""), **said)


def _exit(agent: Speaker, said: dict[str, Any]) -> None:
    sys.stderr.write(said.get("stderr", ""))
    sys.exit(said["code"])


_STEPS: dict[str, Callable[[Speaker, Any], None]] = {
    "text": lambda agent, said: agent.say("text", text=said),
    "thinking": lambda agent, said: agent.say("thinking", text=said),
    "tool": lambda agent, said: agent.say("tool", **said),
    "wait_ms": lambda agent, said: time.sleep(said / 1000),
    "stall": lambda agent, said: time.sleep(FOR_EVER_S),
    "done": lambda agent, said: agent.done(agent.text, **said),
    "fail": _fail,
    "canceled": lambda agent, said: agent.say("canceled"),
    "exit": _exit,
    "kill": lambda agent, said: os.kill(os.getpid(), said),
}
