"""What all agents have in common that are spoken to over the Agent Client Protocol, whichever program speaks it."""

from ....llm.backend import Capabilities
from ..agent import Run


class OverAcp:
    """See `agent.Agent`. The session's id comes from the agent, and the prompt goes through the protocol."""

    capabilities = Capabilities(provider_selection=False)
    stdin_stays_open = True
    cancels_by = "session/cancel, which keeps the session"

    def new_session_id(self) -> str | None:
        return None

    def stdin(self, run: Run) -> bytes:
        return b""
