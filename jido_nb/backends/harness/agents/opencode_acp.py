"""OpenCode over the Agent Client Protocol: `opencode acp`, with deltas. Set up and permitted like `opencode`."""

from ..agent import Run
from ..settings import AgentSettings
from .acp_decode import AcpDecoder
from .opencode import OpenCode, OpenCodeSettings, opencode_config
from .options import refuse_unsupported
from .over_acp import OverAcp


class OpenCodeAcp(OverAcp, OpenCode):
    """See `agent.Agent`."""

    name = "opencode-acp"
    settings: type[AgentSettings] = OpenCodeSettings

    def argv(self, run: Run) -> list[str]:
        refuse_unsupported(run, "reasoning_effort")
        opencode_config(run)
        return ["acp", *run.settings.args]

    def decoder(self, run: Run) -> "OpenCodeAcpDecoder":  # type: ignore[override]
        return OpenCodeAcpDecoder(run)


class OpenCodeAcpDecoder(AcpDecoder):
    """Its permissions are in its configuration, and what it asks for all the same is refused."""

    def allows(self, kind: str) -> bool:
        return False
