"""Claude Code: `claude -p` with JSON lines and partial messages, the prompt on its input, one process for each turn.

Measured with 2.1.329. The keys of clouds (`AWS_*`, `GOOGLE_*`) are not passed on; who needs them names them in
`env_allow`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from ....llm.backend import Capabilities
from ..agent import Run
from ..executable import Executable, said_by
from ..settings import AgentSettings
from .claude_decode import ClaudeDecoder

_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
}


class Claude:
    """See `agent.Agent`."""

    name = "claude"
    capabilities = Capabilities(provider_selection=False)
    executable = Executable(
        names=("claude",),
        install="npm install -g @anthropic-ai/claude-code",
        bundled=(("claude_agent_sdk", "_bundled/claude"),),
    )
    settings = AgentSettings
    variables: tuple[str, ...] = (
        *("ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"),
    )
    stdin_stays_open = False
    cancels_by = "SIGINT, which ends its tools as well"

    def new_session_id(self) -> str | None:
        # Chosen up front, the id is known even if the process dies before its first record.
        return str(uuid4())

    def argv(self, run: Run) -> list[str]:
        settings = run.settings
        argv = ["-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages"]
        argv += _session(run)
        for flag, value in (
            ("--model", run.model),
            ("--append-system-prompt", run.system_prompt),
            ("--permission-mode", settings.permission_mode),
            ("--max-turns", settings.max_turns),
            ("--max-budget-usd", settings.max_budget_usd),
            ("--effort", settings.reasoning_effort),
        ):
            if value is not None:
                argv += [flag, str(value)]
        for flag, tools in (
            ("--allowedTools", settings.allowed_tools),
            ("--disallowedTools", settings.disallowed_tools),
        ):
            if tools:
                argv += [flag, ",".join(tools)]
        return [*argv, *settings.args]

    def environment(self, run: Run) -> dict[str, str]:
        return {**_QUIET, "CLAUDE_CODE_MAX_RETRIES": str(run.settings.max_retries)}

    def stdin(self, run: Run) -> bytes:
        return run.prompt.encode("utf-8", "replace")

    def decoder(self, run: Run) -> ClaudeDecoder:
        return ClaudeDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        if said_by(_KEYS, environ):
            return True
        home = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(environ.get("HOME", ""), ".claude")
        return True if Path(home, ".credentials.json").is_file() else None


def _session(run: Run) -> list[str]:
    session = run.session
    if session.resume and session.id:
        return ["--resume", session.id, *(["--fork-session"] if session.fork else [])]
    return ["--session-id", session.id] if session.id else []
