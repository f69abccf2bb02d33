"""Gemini CLI: `gemini --output-format stream-json`, the prompt on its input, one process for each turn.

Measured with 0.61.0, see `reference/harness.md`, section 4. Its own retries are told on standard error alone, and are
limited in its own settings file alone (`general.maxAttempts`). What it says again after a stream has broken is not
marked as a repetition, so it is told by what it looks like: after a pause as long as its first wait, the answer begins
again, word for word.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from ....llm.backend import Capabilities
from ....llm.error import LLMError
from ....llm.result import ToolStatus
from ....llm.usage import Usage
from ..agent import Run
from ..decoder import BaseDecoder, number
from ..executable import Executable, said_by
from ..process import Exit
from ..settings import AgentSettings
from .gemini_errors import gemini_error
from .options import permission_mode, prompt_with_system, refuse_unsupported, told_system

MODES = ("default", "plan", "auto_edit", "yolo")
"""Its permission modes. `default` offers no tool that would need consent."""
PAUSE_S = 0.9
"""Its first wait before it asks its model again is a second."""
SHORTEST_CHARS, ENOUGH_CHARS = 8, 40
"""An answer shorter than the first is not looked at; so much of a longer one has to come again."""
_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_QUIET = {"GEMINI_TELEMETRY_ENABLED": "false", "CI": "1"}
# Without the first a folder that nobody has trusted ends the run; with the second there is one process, which can be
# signalled, in place of one that swallows signals and starts another.
_HEADLESS = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"}


class Gemini:
    """See `agent.Agent`."""

    name = "gemini"
    capabilities = Capabilities(provider_selection=False, thinking=False)
    executable = Executable(names=("gemini",), install="npm install -g @google/gemini-cli")
    settings = AgentSettings
    variables: tuple[str, ...] = (
        *(*_KEYS, "GOOGLE_GEMINI_BASE_URL", "GEMINI_CLI_SYSTEM_SETTINGS_PATH", "GEMINI_CLI_HOME"),
        *("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"),
    )
    stdin_stays_open = False
    cancels_by = "SIGINT; its tools are ended with it"

    def new_session_id(self) -> str | None:
        return str(uuid4())

    def argv(self, run: Run) -> list[str]:
        argv = ["--output-format", "stream-json", *flags(run)]
        session = run.session
        if session.fork:
            raise LLMError.of("config", "the agent 'gemini' cannot fork a session", field="session")
        if session.id:
            argv += ["--resume" if session.resume else "--session-id", session.id]
        return [*argv, *run.settings.args]

    def environment(self, run: Run) -> dict[str, str]:
        return {**_QUIET, **_HEADLESS}

    def stdin(self, run: Run) -> bytes:
        return prompt_with_system(run).encode("utf-8", "replace")

    def decoder(self, run: Run) -> "GeminiDecoder":
        return GeminiDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        if said_by(_KEYS, environ):
            return True
        home = environ.get("GEMINI_CLI_HOME") or environ.get("HOME", "")
        return True if Path(os.path.join(home, ".gemini", "oauth_creds.json")).is_file() else None


class GeminiDecoder(BaseDecoder):
    """There is no record of the final text, so the answer is what came after the last tool.

    A failed `result` names a status only sometimes, and the exit code always, so the failure is told with the exit.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.session_totals = told_system(run)
        self._answer_from = 0
        self._warning = ""
        self._failed: Mapping[str, Any] | None = None
        self._at_s = float("inf")
        self._before = ""
        self._again: str | None = None
        """What came since a pause, as long as it repeats the answer `before` the pause."""

    def read(self, record: Mapping[str, Any]) -> None:
        match record["type"]:
            case "init":
                self.told(session_id=record["session_id"], model=record.get("model"))
            case "message" if record["role"] == "assistant":
                self._said(record["content"], _seconds(record.get("timestamp")))
            case "message":
                self.alive()
            case "tool_use":
                self.tool(record["tool_id"], record["tool_name"], "running", record.get("parameters"))
                self._answer_from = len(self.text)
            case "tool_result":
                self._tool_result(record)
            case "error":
                self._warning = str(record["message"])
                self.facts.setdefault("warnings", []).append(self._warning)
                self.alive()
            case "result":
                self._result(record)
            case _:
                self.unknown(record)

    def failure(self, exit: Exit) -> LLMError:
        return self.with_remains(gemini_error(self.run.agent, self._failed, self._warning, exit))

    def _said(self, text: str, at_s: float) -> None:
        if at_s - self._at_s >= PAUSE_S:
            self._before, self._again = self.text[self._answer_from :], ""
        self._at_s = at_s
        self.delta(text)
        if self._again is None or len(self._before) < SHORTEST_CHARS:
            return
        self._again += text
        length = min(len(self._again), len(self._before))
        if self._again[:length] != self._before[:length]:
            self._again = None
        elif length >= min(len(self._before), ENOUGH_CHARS):
            again, self._again = self._again, None
            self.take_back((self._answer_from, self.mark[1]))
            count = self.facts.get("agent_retries", 0) + 1
            self.retrying(count, reason="the answer began again", category="transport")
            self.delta(again)

    def _tool_result(self, record: Mapping[str, Any]) -> None:
        status: ToolStatus = "completed" if record["status"] == "success" else "failed"
        error = record.get("error")
        output = record.get("output") or (error.get("message") if isinstance(error, Mapping) else error)
        self.tool(record["tool_id"], None, status, output=output)
        self._answer_from = len(self.text)

    def _result(self, record: Mapping[str, Any]) -> None:
        stats = record.get("stats") or {}
        self.usage = _usage(stats) or self.usage
        models = list(stats.get("models") or {})
        if len(models) == 1:
            self.model = models[0]
        elif models:
            self.facts["models"] = models
        if record["status"] == "success":
            self.completed(self.text[self._answer_from :].strip() and self.text[self._answer_from :])
        else:
            self._failed = record
            self.alive()


def _seconds(timestamp: Any) -> float:
    """Seconds since 1970 of a record's time; no number for one that has none, so that no pause is seen."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (TypeError, ValueError):
        return float("nan")


def flags(run: Run) -> list[str]:
    """What both ways to run Gemini CLI need; also refuses what it has no flag for."""
    refuse_unsupported(run, "disallowed_tools", "max_turns", "max_budget_usd", "reasoning_effort")
    argv = ["-m", run.model] if run.model else []
    argv += ["--approval-mode", permission_mode(run, MODES, "default")]
    if run.settings.allowed_tools:
        # One word: the flag would take the words that follow it as well.
        argv.append(f"--allowed-tools={','.join(run.settings.allowed_tools)}")
    return argv


def _usage(stats: Mapping[str, Any]) -> Usage | None:
    """Per process, so per turn. Thoughts are in the total alone; input holds what was read from the cache."""
    told, output, total = (number(stats.get(key)) for key in ("input_tokens", "output_tokens", "total_tokens"))
    if not told and not output:
        return None
    cached = number(stats.get("cached")) or 0
    thoughts = max(0, (total or 0) - (told or 0) - (output or 0))
    return Usage(
        input_tokens=max(0, (told or 0) - cached),
        output_tokens=(output or 0) + thoughts,
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
    )
