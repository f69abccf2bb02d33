"""Any agent that speaks the Agent Client Protocol: JSON-RPC lines in both directions, one process for each turn.

Measured with five agents, see `reference/harness.md`, section 6. Written by hand rather than with the library
`agent-client-protocol`, which runs on asyncio alone, reads no standard error and breaks at lines of 64 KiB.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ..agent import Run
from ..executable import Executable
from ..settings import AgentSettings
from .acp_decode import MODES, AcpDecoder
from .options import permission_mode, refuse_unsupported
from .over_acp import OverAcp


class AcpSettings(AgentSettings):
    """`path` names the program; `permission_mode` is `reject` if nothing is said.

    `allowed_tools` are kinds of the protocol: `read`, `edit`, `delete`, `move`, `search`, `execute`, `fetch`, ...
    """

    mode: str | None = None
    """A mode of the agent's own, for agents that offer some (`plan`, ...)."""
    mcp_servers: list[dict[str, Any]] = Field(default_factory=list)
    """MCP servers that the agent is to use, as the protocol writes them."""


class Acp(OverAcp):
    """See `agent.Agent`."""

    name = "acp"
    executable = Executable(
        names=("claude-agent-acp", "codex-acp"),
        install="npm install -g @agentclientprotocol/claude-agent-acp (or name any other agent's program as `path`)",
    )
    settings: type[AgentSettings] = AcpSettings
    variables: tuple[str, ...] = ("ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY")

    def argv(self, run: Run) -> list[str]:
        refuse_unsupported(run, "disallowed_tools", "max_turns", "max_budget_usd", "reasoning_effort")
        permission_mode(run, MODES, "reject")
        return list(run.settings.args)

    def environment(self, run: Run) -> dict[str, str]:
        return {}

    def decoder(self, run: Run) -> "AcpDecoder":
        return AcpDecoder(run)

    def logged_in(self, environ: Mapping[str, str]) -> bool | None:
        return None
