"""OpenCode: `opencode run --format json`, the prompt on its input, one process for each turn.

Measured with 1.18.33, see `reference/harness.md`, section 5. Whole parts only, and silent while it retries by itself,
which nothing limits; `opencode-acp` streams. By itself OpenCode allows everything, so permissions are always given.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ....llm.backend import Capabilities
from ....llm.error import LLMError
from ....llm.event import LLMEvent
from ....llm.result import ToolStatus
from ....llm.usage import Cost, Usage
from ..agent import Run
from ..decoder import BaseDecoder, number
from ..executable import Executable
from ..process import Exit
from ..settings import AgentSettings
from .opencode_errors import opencode_error, opencode_exit_error
from .options import permission_mode, prompt_with_system, refuse_unsupported, told_system

MODES = ("read-only", "edit", "full")
"""Its permission modes, as `opencode_config` writes them."""
CONFIG_VARIABLE = "OPENCODE_CONFIG_CONTENT"
_CAREFUL = ("edit", "bash", "webfetch", "websearch", "external_directory")
"""Permissions that `read-only` denies: the model is told that it has no such tool, and goes on."""
_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}


class OpenCodeSettings(AgentSettings):
    """`permission_mode` is `read-only` if nothing is said; `allowed_tools` name permissions (`bash`, `edit`, ...)."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of OpenCode's own (`provider`, `small_model`, ...), over those of its files."""


class OpenCode:
    """See `agent.Agent`."""

    name = "opencode"
    capabilities = Capabilities(provider_selection=False)
    executable = Executable(names=("opencode",), install="npm install -g opencode-ai")
    settings: type[AgentSettings] = OpenCodeSettings
    variables: tuple[str, ...] = (
        *("OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR", "OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
        *("GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "OPENROUTER_API_KEY"),
    )
    stdin_stays_open = False
    cancels_by = "SIGINT; its tools are ended with it"

    def new_session_id(self) -> str | None:
        return None

    def argv(self, run: Run) -> list[str]:
        opencode_config(run)
        argv = ["run", "--format", "json", "--thinking"]
        if run.session.resume and run.session.id:
            argv += ["--session", run.session.id, *(["--fork"] if run.session.fork else [])]
        for flag, value in (("-m", run.model), ("--variant", run.settings.reasoning_effort)):
            if value:
                argv += [flag, value]
        return [*argv, *run.settings.args]

    def environment(self, run: Run) -> dict[str, str]:
        return {**_QUIET, CONFIG_VARIABLE: json.dumps(opencode_config(run))}

    def stdin(self, run: Run) -> bytes:
        return prompt_with_system(run).encode("utf-8", "replace")

    def decoder(self, run: Run) -> "OpenCodeDecoder":
        return OpenCodeDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        # Its models come from many providers, some of which want no key.
        return None


class OpenCodeDecoder(BaseDecoder):
    """There is no terminal record: a step that did not end for its tools' sake is the last one, if no other follows."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.session_totals = told_system(run)
        self._step: tuple[int, int] | None = None
        """Where the step that is going on began."""
        self._message: str | None = None
        self._answer: list[str] = []
        self._counts: dict[str, int] = {}
        self._denied: str | None = None
        self._over = False

    @property
    def at_rest(self) -> bool:
        return self._over

    def rest(self) -> list[LLMEvent]:
        self.completed("".join(self._answer))
        return self._taken()

    def unreadable(self, line: bytes) -> list[LLMEvent]:
        # It is known to end before all that it wrote has left it: then the last record is cut off.
        self._over = False
        return super().unreadable(line)

    def read(self, record: Mapping[str, Any]) -> None:
        part = record.get("part") or {}
        match record["type"]:
            case "step_start":
                self._begin_step(record["sessionID"])
            case "text":
                self._said(part.get("messageID"), part["text"])
            case "reasoning":
                self.think(part["text"])
            case "tool_use":
                self._tool(part)
            case "step_finish":
                self._end_step(part)
            case "error":
                self.session_id = self.session_id or record.get("sessionID")
                self.failed(opencode_error(record["error"]))
            case _:
                self.unknown(record)

    def failure(self, exit: Exit) -> LLMError:
        if exit.returncode == 0 and self._denied is not None:
            what = (
                f"the agent stopped when it was refused the tool {self._denied!r}; see permission_mode, allowed_tools"
            )
            error = LLMError.of("config", what, reason="permission_denied", tool=self._denied)
            return self.with_remains(error)
        return self.with_remains(self.error or opencode_exit_error(self.run.agent, exit))

    def _begin_step(self, session_id: str) -> None:
        self._over = False
        if self.session_id != session_id or not self.facts.get("steps"):
            self.told(session_id=session_id, cwd=self.run.cwd)
        else:
            self.alive()
        if self._step is not None:
            # The step before has no end: its call is made again.
            self.take_back(self._step)
            count = self.facts.get("agent_retries", 0) + 1
            self.retrying(count, reason="the call was made again", category="transport")
        self.facts["steps"] = self.facts.get("steps", 0) + (self._step is None)
        self._step = self.mark

    def _said(self, message: str | None, text: str) -> None:
        if message != self._message:
            self._message, self._answer = message, []
        self.delta(text)
        self._answer.append(text)

    def _tool(self, part: Mapping[str, Any]) -> None:
        state = part["state"]
        error = state.get("error")
        status: ToolStatus = "failed" if state["status"] == "error" else "completed"
        if error and "rejected permission" in str(error):
            status, self._denied = "denied", str(part["tool"])
        self.tool(part["callID"], part["tool"], status, state.get("input"), state.get("output") or error)

    def _end_step(self, part: Mapping[str, Any]) -> None:
        self._step = None
        tokens = part.get("tokens") or {}
        cache = tokens.get("cache") or {}
        figures = {
            "input_tokens": tokens.get("input"),
            # Its output is without the reasoning.
            "output_tokens": (number(tokens.get("output")) or 0) + (number(tokens.get("reasoning")) or 0),
            "cache_read_tokens": cache.get("read"),
            "cache_write_tokens": cache.get("write"),
            "reasoning_tokens": tokens.get("reasoning"),
        }
        if tokens:
            for name, count in figures.items():
                self._counts[name] = self._counts.get(name, 0) + (number(count) or 0)
            self.consumed(Usage(**self._counts))
        # A model without a price costs 0 here, which is not known rather than nothing.
        if isinstance(part.get("cost"), int | float) and part["cost"] > 0:
            before = self.cost.amount if self.cost else 0.0
            self.cost = Cost(before + float(part["cost"]), price_table="opencode")
        self.finish_reason = part["reason"]
        if part["reason"] == "error":
            self.error = LLMError.of("provider", "the model ended its answer with an error", reason="model_error")
        elif part["reason"] != "tool-calls":
            self._over = True
            self.alive()


def opencode_config(run: Run) -> dict[str, Any]:
    """The configuration of a run; its permissions are ours, whatever else says.

    Raises:
        LLMError: `config`: something that cannot be followed, or would undo the permissions.
    """
    refuse_unsupported(run, "max_turns", "max_budget_usd")
    if CONFIG_VARIABLE in run.settings.env:
        message = f"{CONFIG_VARIABLE} would undo the permissions; the setting `config` takes what belongs there"
        raise LLMError.of("config", message, field="env")
    mode = permission_mode(run, MODES, "read-only")
    allowed = {"read-only": (), "edit": ("edit",), "full": _CAREFUL}[mode]
    permission = {
        **{name: "allow" if name in allowed else "deny" for name in _CAREFUL},
        **dict.fromkeys(run.settings.allowed_tools, "allow"),
        **dict.fromkeys(run.settings.disallowed_tools, "deny"),
    }
    own = getattr(run.settings, "config", {})
    return {"autoupdate": False, "share": "disabled", **own, "permission": {**own.get("permission", {}), **permission}}
