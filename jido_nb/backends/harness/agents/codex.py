"""Codex: `codex exec --json`, the prompt on its input, one process for each turn.

Measured with 0.169.0, see `reference/harness.md`, section 3a. Whole messages only: `codex-app-server` streams. A retry
limit can be told for a model provider of one's own alone (`base_url`), the built-in ones take none.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....llm.backend import Capabilities
from ....llm.error import LLMError
from ....llm.usage import Usage
from ..agent import Run
from ..decoder import BaseDecoder, number
from ..executable import Executable, said_by
from ..process import Exit
from ..settings import AgentSettings
from .codex_errors import codex_error, codex_exit_error, reconnecting
from .codex_items import kind_of, tool_of
from .options import permission_mode, refuse_unsupported

SANDBOXES = ("read-only", "workspace-write", "danger-full-access")
"""Its permission modes: what a command that the model runs may touch. Nobody is asked for more."""
_KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
_PROVIDER = "jido_nb"
_USAGE = {
    "input": ("input_tokens", "inputTokens"),
    "cached": ("cached_input_tokens", "cachedInputTokens"),
    "written": ("cache_write_input_tokens", "cacheWriteInputTokens"),
    "output": ("output_tokens", "outputTokens"),
    "reasoning": ("reasoning_output_tokens", "reasoningOutputTokens"),
}


class CodexSettings(AgentSettings):
    """`permission_mode` is the sandbox, `read-only` if nothing is said."""

    base_url: str | None = None
    """A server that speaks the OpenAI Responses API, up to and with `/v1`; None: as Codex itself is set up."""
    api_key_env: str | None = None
    """The variable that holds the key for `base_url`."""


class Codex:
    """See `agent.Agent`."""

    name = "codex"
    capabilities = Capabilities(provider_selection=False)
    executable = Executable(
        names=("codex",), install="npm install -g @openai/codex", bundled=(("codex_cli_bin", "bin/codex"),)
    )
    settings: type[AgentSettings] = CodexSettings
    variables: tuple[str, ...] = (*_KEYS, "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "CODEX_HOME")
    stdin_stays_open = False
    cancels_by = "SIGINT, which ends its tools as well"

    def new_session_id(self) -> str | None:
        return None

    def argv(self, run: Run) -> list[str]:
        argv = ["exec", "--json", "--skip-git-repo-check", "--sandbox", sandbox(run)]
        argv += ["-c", 'approval_policy="never"', *config_flags(run)]
        if run.system_prompt:
            argv += ["-c", f"developer_instructions={_toml(run.system_prompt)}"]
        if run.model:
            argv += ["-m", run.model]
        # Flags go before the word, and `-` is a prompt on the input.
        session = run.session
        word = [("fork" if session.fork else "resume"), session.id] if session.resume and session.id else []
        return [*argv, *run.settings.args, *word, "-"]

    def environment(self, run: Run) -> dict[str, str]:
        return key_of(run)

    def stdin(self, run: Run) -> bytes:
        return run.prompt.encode("utf-8", "replace")

    def decoder(self, run: Run) -> "CodexDecoder":
        return CodexDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        if said_by(_KEYS, environ):
            return True
        home = environ.get("CODEX_HOME") or os.path.join(environ.get("HOME", ""), ".codex")
        return True if Path(home, "auth.json").is_file() else None


class CodexDecoder(BaseDecoder):
    """Only `turn.completed` and `turn.failed` end a turn; an `error` is a retry, or what `turn.failed` says again."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._answer: str | None = None
        self._waits = 0
        if not run.session.resume:
            # So that a turn that follows a canceled one knows where it begins.
            self.session_totals = dict.fromkeys(_USAGE, 0)

    def read(self, record: Mapping[str, Any]) -> None:
        match record["type"]:
            case "thread.started":
                self.told(session_id=record["thread_id"], cwd=self.run.cwd)
            case "turn.started":
                self.alive()
            case "item.started" | "item.updated":
                self._item(record["item"], ended=False)
            case "item.completed":
                self._item(record["item"], ended=True)
            case "error":
                self._warned(str(record["message"]))
            case "turn.failed":
                self.failed(codex_error(str(record["error"]["message"])))
            case "turn.completed":
                self.usage, self.session_totals = turn_usage(self.run, record.get("usage"))
                if self.usage is None and record.get("usage"):
                    self.facts["session_usage"] = record["usage"]
                self.completed(self._answer)
            case _:
                self.unknown(record)

    def failure(self, exit: Exit) -> LLMError:
        return self.with_remains(self.error or codex_exit_error(self.run.agent, exit))

    def _item(self, item: Mapping[str, Any], *, ended: bool) -> None:
        tool = tool_of(item, ended=ended)
        match kind_of(item):
            case _ if tool is not None:
                self.tool(tool.id, tool.name, tool.status, tool.arguments, tool.output)
            case "agent_message" if ended:
                # Several in a turn; the last one is the answer.
                self._answer = item["text"]
                self.delta(item["text"])
            case "reasoning" if ended:
                self.think(item["text"])
            case "error":
                self.facts.setdefault("warnings", []).append(str(item["message"]))
                self.alive()
            case "agent_message" | "reasoning" | "todo_list":
                self.alive()
            case kind:
                self.unknown({**item, "type": f"item.{kind}"})

    def _warned(self, message: str) -> None:
        again = reconnecting(message)
        if again is None:
            self.error = codex_error(message)
            self.alive()
            return
        attempt, most = again
        self._waits = attempt or self._waits + 1
        why = codex_error(message)
        reason = message.partition("(")[2].removesuffix(")") or message
        self.retrying(self._waits, max_attempts=most, reason=reason, category=why.category, status=why.status)


def sandbox(run: Run) -> str:
    """The sandbox mode; also refuses what Codex has no flag for."""
    refuse_unsupported(run, "allowed_tools", "disallowed_tools", "max_turns", "max_budget_usd")
    return permission_mode(run, SANDBOXES, "read-only")


def config_flags(run: Run) -> list[str]:
    """`-c key=value` for what both ways to run Codex need."""
    values: dict[str, Any] = {"check_for_update_on_startup": False, "analytics.enabled": False}
    if run.settings.reasoning_effort:
        values["model_reasoning_effort"] = run.settings.reasoning_effort
    settings = run.settings
    if isinstance(settings, CodexSettings) and settings.base_url:
        provider = {"name": _PROVIDER, "base_url": settings.base_url, "wire_api": "responses"}
        # Both would multiply, and what is repeated as a request is repeated without a word.
        limits = {"request_max_retries": 0, "stream_max_retries": settings.max_retries}
        key = {"env_key": settings.api_key_env} if settings.api_key_env else {}
        values["model_provider"] = _PROVIDER
        values[f"model_providers.{_PROVIDER}"] = {**provider, **key, **limits}
    return [part for name, value in values.items() for part in ("-c", f"{name}={_toml(value)}")]


def key_of(run: Run) -> dict[str, str]:
    """The key that the settings name, which the allow-list of variables cannot know."""
    name = getattr(run.settings, "api_key_env", None)
    return {name: run.environ[name]} if name and name in run.environ else {}


def turn_usage(run: Run, total: Mapping[str, Any] | None) -> tuple[Usage | None, dict[str, Any]]:
    """The usage of this turn, and the totals to hand on. Codex counts up over the thread, and forks count on.

    None when a session is resumed whose figures so far nobody knows.
    """
    before = run.session.totals
    if not total:
        return None, dict(before)
    figures = usage_figures(total)
    if run.session.resume:
        if not before:
            return None, figures
        # Less than before: it has begun to count anew.
        earlier = {name: number(before.get(name)) or 0 for name in figures}
        if all(figures[name] >= earlier[name] for name in figures):
            return usage_of({name: figures[name] - earlier[name] for name in figures}), figures
    return usage_of(figures), figures


def usage_figures(table: Mapping[str, Any]) -> dict[str, int]:
    """Codex's figures under names of our own, whichever way they are written; those that are missing are 0."""
    return {
        name: next((value for key in keys if (value := number(table.get(key))) is not None), 0)
        for name, keys in _USAGE.items()
    }


def usage_of(figures: Mapping[str, int]) -> Usage:
    """Figures as usage: Codex's input holds what was read from the cache."""
    return Usage(
        input_tokens=max(0, figures["input"] - figures["cached"] - figures["written"]),
        output_tokens=figures["output"],
        cache_read_tokens=figures["cached"],
        cache_write_tokens=figures["written"],
        reasoning_tokens=figures["reasoning"],
    )


def _toml(value: Any) -> str:
    """A value as TOML. A JSON string is a TOML string, but for surrogate pairs and the one control that JSON allows."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_toml(inner)}" for key, inner in value.items()) + "}"
    written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return written.encode("utf-8", "replace").decode()
