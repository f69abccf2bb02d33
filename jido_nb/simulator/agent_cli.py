"""The stand-in coding agent: `python -m jido_nb.simulator.agent_cli --model tools`, with the prompt on standard input.

It writes one JSON object a line:

| type | fields |
| --- | --- |
| `session` | `session_id`, `model`, `cwd`, `version`; first |
| `text`, `thinking` | `text`: a piece |
| `tool` | `id`, `name`, `status` (pending, running, completed, failed, denied), `input`, `output` |
| `retrying` | `attempt`, `max`, `delay_ms`, `status`, `reason`: it repeats a request to its model |
| `retract` | `keep`: how many characters of the text stay |
| `done` | `text`, `stop_reason`, `usage`, `cost_usd`; last |
| `failed` | `status` (HTTP) or `kind` (connection, timeout, model), `message`, `reason`, `retry_after_ms`; exit 1 |
| `canceled` | `usage`, `cost_usd`; last, after SIGINT; exit code 0, as real agents do |
"""

import argparse
import json
import os
import sys
import time
import uuid
from typing import Any

from ..errors import closest
from .agent_modes import MODES, START_DELAYS_S

VERSION = "1.0"
RUNS_VARIABLE = "JIDO_NB_AGENT_RUNS"
"""A file that gets a byte for each run, so that runs can be counted by what was started, not by what was told."""
ATTEMPT_VARIABLE = "JIDO_NB_ATTEMPT"
"""Which attempt this process is; a process cannot count those before it."""


class StandIn:
    """One run; see `agent_modes.AgentOutput`."""

    def __init__(self, model: str, prompt: str, session_id: str, resumed: bool, attempt: int) -> None:
        self.model = model
        self.prompt = prompt
        self.session_id = session_id
        self.resumed = resumed
        self.attempt = attempt
        self.text = ""
        """What it has answered so far."""
        self._said = 0

    def run(self) -> int:
        """Play the mode; gives the exit code."""
        try:
            time.sleep(START_DELAYS_S.get(self.model, 0))
            if self.model not in MODES:
                self.fail(None, f"model: {self.model}.{closest(self.model, MODES)}", kind="model")
            self.say("session", session_id=self.session_id, model=self.model, cwd=os.getcwd(), version=VERSION)
            MODES[self.model][0](self)
        except KeyboardInterrupt:
            self.say("canceled", **self._spent())
        return 0

    def say(self, type: str, **fields: Any) -> None:
        self._said += len(fields.get("text") or "")
        if type == "text":
            self.text += fields.get("text") or ""
        self.write(json.dumps({"type": type, **fields}, ensure_ascii=False) + "\n")

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def tool(self, id: str, name: str, status: str, **fields: Any) -> None:
        self.say("tool", id=id, name=name, status=status, **fields)

    def done(self, text: str, **fields: Any) -> None:
        self.say("done", **{"text": text, "stop_reason": "end_turn", **self._spent(), **fields})

    def _spent(self) -> dict[str, Any]:
        usage = {"input_tokens": max(1, len(self.prompt) // 4), "output_tokens": max(1, self._said // 4)}
        return {"usage": usage, "cost_usd": 0.0}

    def fail(self, status: int | None, message: str, **fields: Any) -> None:
        self.say("failed", status=status, message=message, **fields)
        sys.exit(1)


def main(arguments: list[str] | None = None) -> int:
    """Run the stand-in; gives its exit code."""
    parser = argparse.ArgumentParser(prog="jido-agent", description="A coding agent that only pretends.")
    parser.add_argument("--model", default="story", help=", ".join(MODES))
    parser.add_argument("--session-id", help="the id of a new session")
    parser.add_argument("--resume", metavar="ID", help="a session to go on with")
    parser.add_argument(
        "--fork", action="store_true", help="leave the resumed session as it is, and go on in a new one"
    )
    parser.add_argument("--version", action="version", version=VERSION)
    asked = parser.parse_args(arguments)
    if runs := os.environ.get(RUNS_VARIABLE):
        with open(runs, "ab") as file:
            file.write(b".")
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    session_id = asked.resume if asked.resume and not asked.fork else asked.session_id or str(uuid.uuid4())
    attempt = int(os.environ.get(ATTEMPT_VARIABLE) or 1)
    return StandIn(asked.model, prompt, session_id, bool(asked.resume), attempt).run()


if __name__ == "__main__":
    sys.exit(main())
