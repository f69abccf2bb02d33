"""OpenCode over the Agent Client Protocol: `opencode acp`, with deltas. Set up and permitted like `opencode`."""

from ....llm.backend import Capabilities
from ..agent import Run
from ..settings import AgentSettings
from .acp_decode import AcpDecoder
from .opencode import OpenCode, OpenCodeSettings, opencode_config
from .options import refuse_unsupported


class OpenCodeAcp(OpenCode):
    """See `agent.Agent`."""

    name = "opencode-acp"
    capabilities = Capabilities(provider_selection=False)
    settings: type[AgentSettings] = OpenCodeSettings
    stdin_stays_open = True
    cancels_by = "session/cancel, which keeps the session"

    def argv(self, run: Run) -> list[str]:
        refuse_unsupported(run, "reasoning_effort")
        opencode_config(run)
        return ["acp", *run.settings.args]

    def stdin(self, run: Run) -> bytes:
        return b""

    def decoder(self, run: Run) -> "OpenCodeAcpDecoder":  # type: ignore[override]
        return OpenCodeAcpDecoder(run)


class OpenCodeAcpDecoder(AcpDecoder):
    """Its permissions are in its configuration, and what it asks for all the same is refused."""

    def allows(self, kind: str) -> bool:
        return False
